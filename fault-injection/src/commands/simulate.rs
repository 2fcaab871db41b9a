//! `drill simulate`: what happens when nobody controls anything.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::energy::ERROR_SHARE_MAX;
use ridethrough_fault_injection::report::Verdict;
use ridethrough_fault_injection::scenario::Scenario;

use super::Output;

/// A run in simulated time.
#[derive(Args)]
pub struct Simulate {
    /// The folder with the scenario.
    #[arg(long, value_name = "DIR")]
    scenario: PathBuf,
    /// For how long, in seconds of scenario time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Simulate {
    /// Runs and prints what the judges saw.
    pub fn run(&self) -> Result<()> {
        let scenario = Scenario::load(&self.scenario)?;
        let mut world = World::new(&scenario);
        world.run_ms(self.seconds * 1_000);
        let verdict = Verdict::of(&world);
        self.output.print(&verdict.text(), &verdict)?;
        // Honesty rule 1: a run whose energy does not close is worth nothing.
        let error_share = verdict.energy.error_share;
        ensure!(
            error_share.abs() < ERROR_SHARE_MAX,
            "the energy account does not close: {error_share:e} of what was turned over"
        );
        Ok(())
    }
}
