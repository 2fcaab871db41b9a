//! Runs a drill, runs one again, breaks one off.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::Args;
use ridethrough_fault_injection::demo::cluster::Pace;
use ridethrough_fault_injection::demo::model_files;
use ridethrough_fault_injection::drill::folder::{JOURNALS, RunFolder};
use ridethrough_fault_injection::drill::report::text;
use ridethrough_fault_injection::drill::{self, Drill, Options, Verdict};
use ridethrough_fault_injection::scenario::Scenario;
use serde_json::json;

use super::find::Folder;
use crate::commands::Output;

/// What every run wants to know.
#[derive(Args)]
struct How {
    /// The folder of runs.
    #[arg(long, value_name = "DIR", default_value = JOURNALS)]
    journals: PathBuf,
    /// Keep logs, records and configurations of the cluster, too.
    #[arg(long)]
    keep: bool,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// The folder with the model.
    #[arg(long, value_name = "DIR", default_value = "model")]
    model: PathBuf,
    /// ONNX Runtime's shared library.
    #[arg(long, value_name = "FILE", default_value = ".runtime/onnxruntime/libonnxruntime.so.1.28.0")]
    runtime: PathBuf,
    /// Another build of `ridethroughd`, such as that of the release before, for drills that mix two.
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
}

/// Runs a drill: on a cluster of its own, three replicas as processes and the emulated plant, or on one that runs on this
/// machine already. Exit status 0 only if every check held.
#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    folder: Folder,
    /// The drill, by name or file.
    #[arg(value_name = "NAME|FILE")]
    name: String,
    /// What all dice come from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Drill the replicas with these configurations, which run on this machine already, in place of a cluster of its own.
    #[arg(long, value_name = "FILE,FILE,FILE", value_delimiter = ',')]
    on: Option<Vec<PathBuf>>,
    /// What that cluster is called, in full: nothing but a demo is drilled without it.
    #[arg(long, value_name = "NAME", requires = "on")]
    cluster: Option<String>,
    #[command(flatten)]
    how: How,
}

impl Run {
    /// Runs it.
    pub fn run(&self) -> Result<ExitCode> {
        let (file, drill) = self.folder.find(&self.name)?;
        let command = format!("drill run {} --seed {}", self.name, self.seed);
        let on = self.on.clone().map(|files| (files, self.cluster.clone()));
        self.how.run(drill, &file, self.seed, command, on).map(code)
    }
}

/// Runs a drill again as it was, with its seed, and compares what it came to.
#[derive(Args)]
pub struct Replay {
    #[command(flatten)]
    folder: Folder,
    /// The run: `last`, its name in the folder of runs, or a path.
    #[arg(value_name = "RUN", default_value = "last")]
    name: String,
    #[command(flatten)]
    how: How,
}

impl Replay {
    /// Runs it. Exit status 0 only if it comes to the same.
    pub fn run(&self) -> Result<ExitCode> {
        let before = RunFolder::open(&self.how.journals, &self.name)?;
        let (file, result) = (before.path().join("drill.toml"), before.result()?);
        let seed = result["seed"].as_u64().context("the run does not tell its seed")?;
        let drill = self.folder.parse(&file, &before.drill_text()?)?;
        let command = format!("drill replay {}", before.path().display());
        let verdict = self.how.run(drill, &file, seed, command, None)?;
        let was = result["verdict"].as_str().unwrap_or_default();
        let same = was == verdict.as_str();
        eprintln!("before: {was}, now: {}", verdict.as_str());
        Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Breaks off a run that goes on: every fault is ended, then the cluster is stopped.
#[derive(Args)]
pub struct Abort {
    /// The run: `last`, its name in the folder of runs, or a path.
    #[arg(value_name = "RUN", default_value = "last")]
    name: String,
    /// The folder of runs.
    #[arg(long, value_name = "DIR", default_value = JOURNALS)]
    journals: PathBuf,
}

impl Abort {
    /// Asks for it.
    pub fn run(&self) -> Result<ExitCode> {
        let folder = RunFolder::open(&self.journals, &self.name)?;
        folder.ask_to_abort()?;
        println!("asked: the run in {} ends its faults and stops", folder.path().display());
        Ok(ExitCode::SUCCESS)
    }
}

impl How {
    fn run(
        &self,
        drill: Drill,
        file: &Path,
        seed: u64,
        command: String,
        on: Option<(Vec<PathBuf>, Option<String>)>,
    ) -> Result<Verdict> {
        let scenario = Scenario::load(&drill.plant)?;
        drill.check_site(&file.display().to_string(), &scenario.site)?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let raised = Arc::clone(&interrupted);
        ctrlc::set_handler(move || raised.store(true, Ordering::Release)).context("cannot listen for Ctrl-C")?;
        let model = if drill.model { model_files(&self.model, &self.runtime)? } else { None };
        let journals = self.journals.clone();
        let (on, cluster) = on.unzip();
        let (keep, pace, cluster, other) = (self.keep, Pace::STEADY, cluster.flatten(), self.with.clone());
        let with = self.with.as_ref().map_or_else(String::new, |file| format!(" --with {}", file.display()));
        let command = command + &with;
        let options = Options { drill, seed, journals, keep, pace, model, on, cluster, other, command, interrupted };
        let (outcome, folder) = drill::run(&options, &mut |line| eprintln!("{line}"))?;
        let short = json!({
            "drill": outcome.drill, "verdict": outcome.verdict, "seed": outcome.seed, "checks": outcome.checks,
            "folder": folder.path(),
        });
        self.output.print(&format!("{}page: {}\n", text::text(&outcome), folder.page().display()), &short)?;
        Ok(outcome.verdict)
    }
}

fn code(verdict: Verdict) -> ExitCode {
    if verdict == Verdict::Passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
