//! `drill demo`: the whole chain on loopback, with a verdict at the end.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use ridethrough_fault_injection::demo::{self, Options, Orders};

use super::Output;

/// The demo. Exit status 0 only if no breaker tripped, nothing uncommitted ran and the audit verified.
#[derive(Args)]
pub struct Demo {
    /// For how long, in seconds of scenario time; until Ctrl-C when left out.
    #[arg(long, value_name = "N")]
    seconds: Option<u32>,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// The folder with the scenario.
    #[arg(long, value_name = "DIR", default_value = "fault-injection/scenarios/demo")]
    scenario: PathBuf,
    /// Work in this new folder and leave logs, records and configurations there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The folder with the model.
    #[arg(long, value_name = "DIR", default_value = "model")]
    model: PathBuf,
    /// ONNX Runtime's shared library.
    #[arg(long, value_name = "FILE", default_value = ".runtime/onnxruntime/libonnxruntime.so.1.28.0")]
    runtime: PathBuf,
    /// Let the leader live.
    #[arg(long)]
    no_kill: bool,
    /// Let devices obey the leader alone, not only what two replicas say.
    #[arg(long)]
    one_word: bool,
}

impl Demo {
    /// Runs the demo and prints its summary.
    pub fn run(&self) -> Result<ExitCode> {
        if self.seconds.is_some_and(|seconds| seconds < 10) {
            bail!("--seconds: at least 10, or there is nothing to see");
        }
        let summary = demo::run(&Options {
            scenario: self.scenario.clone(),
            seconds: self.seconds.map(f64::from),
            keep: self.keep.clone(),
            model: self.model.clone(),
            runtime: self.runtime.clone(),
            kill_leader: !self.no_kill,
            orders: if self.one_word { Orders::One } else { Orders::TwoOfThree },
        })?;
        self.output.print(&format!("\n{}", summary.text()), &summary)?;
        Ok(if summary.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
