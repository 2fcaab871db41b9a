//! `drill outcome`: what each policy is worth, on the same scenarios and seeds.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use ridethrough_fault_injection::outcome::{Outcome, Policy, Request, run_all, table};
use ridethrough_fault_injection::scenario::SCENARIO_FILE;

/// Runs scenarios under several policies on the same seed and prints what each was worth.
#[derive(Args)]
pub struct OutcomeCommand {
    /// A scenario: its folder, or its name among those beside the default folder. All of them when none is named.
    #[arg(long = "scenario", value_name = "NAME|DIR")]
    scenarios: Vec<String>,
    /// A policy; all of them when none is named.
    #[arg(long = "policy", value_enum, value_name = "POLICY")]
    policies: Vec<Policy>,
    /// A seed in the place of the scenarios' own: another composition, other dice.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Runs at a time.
    #[arg(long, default_value_t = 2, value_name = "N")]
    jobs: usize,
    /// The folder with the scenarios that names are looked up in.
    #[arg(long, default_value = "fault-injection/scenarios", value_name = "DIR")]
    scenarios_dir: PathBuf,
    /// The folder with the model.
    #[arg(long, default_value = "model", value_name = "DIR")]
    model: PathBuf,
    /// The library of ONNX Runtime.
    #[arg(long, default_value = ".runtime/onnxruntime/libonnxruntime.so.1.28.0", value_name = "FILE")]
    runtime: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// `{scenario: {policy: {trips, …}}}`.
    Json,
    /// For a document.
    Markdown,
}

impl OutcomeCommand {
    /// Runs and prints. Data goes to standard output, progress to standard error.
    pub fn run(&self) -> Result<()> {
        let policies = if self.policies.is_empty() { Policy::ALL.to_vec() } else { self.policies.clone() };
        let request = Request {
            scenarios: self.folders()?,
            model: self.model_files(&policies)?,
            policies,
            seed: self.seed,
            jobs: self.jobs,
        };
        let outcomes = run_all(&request, &|outcome: &Outcome| {
            let (scenario, policy) = (&outcome.scenario, outcome.policy.name());
            eprintln!("{scenario}: {policy}: {} s in {:.1} s", outcome.seconds, outcome.wall_seconds);
        })?;
        match self.output {
            Output::Table => print!("{}", table::text(&outcomes)),
            Output::Markdown => print!("{}", table::markdown(&outcomes)),
            Output::Json => println!("{}", serde_json::to_string_pretty(&table::json(&outcomes))?),
        }
        Ok(())
    }

    fn folders(&self) -> Result<Vec<PathBuf>> {
        if self.scenarios.is_empty() {
            return all_scenarios(&self.scenarios_dir);
        }
        let named = |name: &String| {
            let folder = self.scenarios_dir.join(name);
            let folder = if folder.join(SCENARIO_FILE).is_file() { folder } else { PathBuf::from(name) };
            ensure!(
                folder.join(SCENARIO_FILE).is_file(),
                "--scenario {name}: neither a folder with a {SCENARIO_FILE} nor the name of one in {}",
                self.scenarios_dir.display()
            );
            Ok(folder)
        };
        self.scenarios.iter().map(named).collect()
    }

    /// Model, manifest and runtime. The policy `ours` is the model: without it there is nothing to compare.
    fn model_files(&self, policies: &[Policy]) -> Result<Option<[PathBuf; 3]>> {
        if !policies.contains(&Policy::Ours) {
            return Ok(None);
        }
        let files = [self.model.join("forecast.onnx"), self.model.join("forecast.json"), self.runtime.clone()];
        for file in &files {
            ensure!(
                file.is_file(),
                "policy `ours` needs {}, which is not there (`cargo xtask setup` fetches the runtime)",
                file.display()
            );
        }
        Ok(Some(files))
    }
}

/// Every scenario beside the demonstration, which is made for something else.
fn all_scenarios(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || format!("cannot read the scenarios in {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(read)?;
    let mut folders = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    folders.retain(|path| path.join(SCENARIO_FILE).is_file() && !path.ends_with("demo"));
    folders.sort();
    ensure!(!folders.is_empty(), "there is no scenario in {}", folder.display());
    Ok(folders)
}
