//! `drill reaction`: from a PDU's sample over its limit to the ack of the module that helps.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use ridethrough_fault_injection::demo::model_files;
use ridethrough_fault_injection::reaction::{self, Options, data_folder};

use super::Output;

/// Runs three replicas with their forecasts over the emulated plant of a whole site, has one rack after another step over its limit,
/// and tells how long it took from the sample that shows it to the module's ack. Exit status 0 only if at least half of
/// the steps were answered.
#[derive(Args)]
pub struct Reaction {
    /// Racks of the site.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    racks: usize,
    /// How many racks step over their limits.
    #[arg(long, value_name = "N", default_value_t = 300)]
    steps: usize,
    /// What all dice come from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A small site and a few steps.
    #[arg(long)]
    quick: bool,
    /// The folder with the model.
    #[arg(long, value_name = "DIR", default_value = "model")]
    model: PathBuf,
    /// ONNX Runtime's shared library.
    #[arg(long, value_name = "FILE", default_value = ".runtime/onnxruntime/libonnxruntime.so.1.28.0")]
    runtime: PathBuf,
    /// Work in this new folder and leave logs, records and configurations there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Reaction {
    /// Runs the steps and prints what they came to.
    pub fn run(&self) -> Result<ExitCode> {
        let (racks, steps) = if self.quick { (100, 10) } else { (self.racks, self.steps) };
        let options = Options {
            racks,
            steps,
            seed: self.seed,
            model: model_files(&self.model, &self.runtime)?,
            data: data_folder(),
            keep: self.keep.clone(),
        };
        let figures = reaction::run(&options, |line| eprintln!("{line}"))?;
        self.output.print(&figures.text(), &figures)?;
        Ok(if figures.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
