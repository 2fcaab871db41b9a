//! `drill failover`: how long nobody commands when the leader goes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use ridethrough_fault_injection::demo::cluster::Pace;
use ridethrough_fault_injection::failover::{self, Options};

use super::Output;

/// Kills, freezes and transfers the leadership of three replicas again and again, and tells how long no device was commanded. Exit status
/// 0 only if nothing uncommitted ran, nothing ran twice and the audit verified.
#[derive(Args)]
pub struct Failover {
    /// How often the leader is killed (SIGKILL).
    #[arg(long, value_name = "N", default_value_t = 300)]
    kills: usize,
    /// How often the leader is frozen (SIGSTOP).
    #[arg(long, value_name = "N", default_value_t = 100)]
    freezes: usize,
    /// How often the leader is asked to hand over.
    #[arg(long, value_name = "N", default_value_t = 200)]
    transfers: usize,
    /// Before that: so many seconds in which nothing happens and nobody may be elected.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    soak: u64,
    /// A few of each.
    #[arg(long)]
    quick: bool,
    /// How soon a silent leader is taken for lost.
    #[arg(long, value_enum, default_value_t = PaceName::Fast)]
    pace: PaceName,
    /// Work in this new folder and leave logs, records and configurations there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// The folder with the scenario.
    #[arg(long, value_name = "DIR", default_value = "fault-injection/scenarios/demo")]
    scenario: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum PaceName {
    /// Heartbeats every 2 ms, elections from 5 ms on: for real-time threads.
    Fast,
    /// Heartbeats every 20 ms, elections from 150 ms on.
    Steady,
}

impl Failover {
    /// Runs the trials and prints what they came to.
    pub fn run(&self) -> Result<ExitCode> {
        let asked = (self.transfers, self.kills, self.freezes, self.soak);
        let (transfers, kills, freezes, soak_s) = if self.quick { (4, 3, 2, 2) } else { asked };
        let pace = match self.pace {
            PaceName::Fast => Pace::FAST,
            PaceName::Steady => Pace::STEADY,
        };
        let options = Options {
            scenario: self.scenario.clone(),
            kills,
            freezes,
            transfers,
            soak_s,
            pace,
            keep: self.keep.clone(),
        };
        let figures = failover::run(&options, |line| eprintln!("{line}"))?;
        self.output.print(&figures.text(), &figures)?;
        Ok(if figures.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
