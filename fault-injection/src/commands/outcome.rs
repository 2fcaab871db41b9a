//! `drill outcome`: what each control policy is worth, on the same scenarios and the same seed.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use ridethrough_fault_injection::outcome::select::{SCENARIOS, folders};
use ridethrough_fault_injection::outcome::{Outcome, PolicyName, Request, html, json, run, table};

/// A comparison. What it came to goes to standard output, progress to standard error.
#[derive(Args)]
pub struct OutcomeCommand {
    /// A scenario by name, or the folder with one; may be given again. All but the demo's when left out.
    #[arg(long = "scenario", value_name = "NAME|DIR")]
    scenarios: Vec<String>,
    /// A policy; may be given again. All when left out.
    #[arg(long = "policy", value_enum, value_name = "POLICY")]
    policies: Vec<PolicyName>,
    /// What all dice come from; each scenario's own seed when left out.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Write a page with plots here, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How many runs go on at one time.
    #[arg(long, value_name = "N", default_value = "2")]
    jobs: NonZeroUsize,
    /// The folder with the model.
    #[arg(long, value_name = "DIR", default_value = "model")]
    model: PathBuf,
    /// The library of ONNX Runtime.
    #[arg(long, value_name = "FILE", default_value = ".runtime/onnxruntime/libonnxruntime.so.1.28.0")]
    runtime: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// For people at a terminal.
    Table,
    /// One JSON object: scenario, policy, figure.
    Json,
    /// For a page of figures.
    Markdown,
}

impl OutcomeCommand {
    /// Runs the comparison and prints it.
    pub fn run(&self) -> Result<()> {
        let outcomes = run(&Request {
            scenarios: folders(&self.scenarios, Path::new(SCENARIOS))?,
            policies: self.policies(),
            seed: self.seed,
            jobs: self.jobs,
            model: self.model_files()?,
            progress: |scenario, policy, wall_seconds| eprintln!("{scenario}: {policy} … {wall_seconds:.1} s"),
        })?;
        match self.output {
            Output::Table => print!("{}", table::text(&outcomes)),
            Output::Json => println!("{}", json::text(&outcomes)?),
            Output::Markdown => print!("{}", table::markdown(&outcomes)),
        }
        if let Some(file) = &self.html {
            let page = html::page(&outcomes, &self.command_line())?;
            std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
            eprintln!("page: {}", file.display());
        }
        closed(&outcomes)
    }

    /// Model, manifest and runtime. The policy `ours` is the model: without it there is nothing to compare.
    fn model_files(&self) -> Result<Option<[PathBuf; 3]>> {
        if !self.policies().contains(&PolicyName::Ours) {
            return Ok(None);
        }
        let files = [self.model.join("forecast.onnx"), self.model.join("forecast.json"), self.runtime.clone()];
        let missing = files.iter().find(|file| !file.is_file());
        if let Some(file) = missing {
            bail!(
                "policy `ours` needs {}, which is not there (`cargo xtask setup` fetches the runtime)",
                file.display()
            );
        }
        Ok(Some(files))
    }

    /// Each policy once, in the order of [`PolicyName`]: a table reads better so, and JSON wants no key twice.
    fn policies(&self) -> Vec<PolicyName> {
        let all = PolicyName::value_variants();
        all.iter().copied().filter(|policy| self.policies.is_empty() || self.policies.contains(policy)).collect()
    }

    /// What to type for the same comparison. The number of jobs changes nothing in it.
    fn command_line(&self) -> String {
        let mut words = vec!["drill outcome".to_owned()];
        words.extend(self.scenarios.iter().map(|name| format!("--scenario {}", quoted(name))));
        words.extend(self.policies.iter().map(|policy| format!("--policy {policy}")));
        words.extend(self.seed.map(|seed| format!("--seed {seed}")));
        if self.model != Path::new("model") {
            words.push(format!("--model {}", quoted(&self.model.display().to_string())));
        }
        words.extend(self.html.iter().map(|file| format!("--html {}", quoted(&file.display().to_string()))));
        words.join(" ")
    }
}

/// Honesty rule 1: a run whose energy does not close is worth nothing.
fn closed(outcomes: &[Outcome]) -> Result<()> {
    for outcome in outcomes {
        for each in &outcome.policies {
            ensure!(
                each.score.energy_closes(),
                "{}: the energy account of {} does not close: {:e} of what was turned over",
                outcome.scenario,
                each.policy,
                each.score.energy_error_share
            );
        }
    }
    Ok(())
}

/// As a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        outcome: OutcomeCommand,
    }

    fn check(arguments: &[&str], policies: &[PolicyName], command_line: &str) {
        let line = Line::try_parse_from(std::iter::once(&"x").chain(arguments)).expect("well-formed arguments");
        assert_eq!(line.outcome.policies(), policies, "{arguments:?}");
        assert_eq!(line.outcome.command_line(), command_line, "{arguments:?}");
    }

    #[test]
    fn the_command_on_the_page_is_the_one_that_was_typed() {
        check(&[], PolicyName::value_variants(), "drill outcome");
        check(
            &["--policy", "ours", "--policy", "none", "--policy", "ours", "--scenario", "my dir", "--seed", "7"],
            &[PolicyName::None, PolicyName::Ours],
            "drill outcome --scenario 'my dir' --policy ours --policy none --policy ours --seed 7",
        );
        check(
            &["--jobs", "4", "--html", "it's.html", "--output", "json", "--model", "other"],
            PolicyName::value_variants(),
            r"drill outcome --model other --html 'it'\''s.html'",
        );
    }

    #[test]
    fn bad_arguments_are_refused() {
        for arguments in [["--jobs", "0"], ["--policy", "luck"], ["--seed", "-1"], ["--output", "xml"]] {
            assert!(Line::try_parse_from(std::iter::once("x").chain(arguments)).is_err(), "{arguments:?}");
        }
    }
}
