//! `drill`: the emulated plant on the command line.

mod commands;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "drill",
    about = "The emulated plant, the demo, and drills: faults on purpose in real replicas.",
    version
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs three replicas and the plant on loopback, kills the leader half-way and says what held.
    Demo(commands::demo::Demo),
    /// Shows every drill.
    List(commands::drills::List),
    /// Says everything that is wrong with drills.
    Validate(commands::drills::Validate),
    /// Shows what a drill would do.
    Plan(commands::drills::Plan),
    /// Runs a drill on a cluster of its own.
    Run(commands::drills::Run),
    /// Breaks off a run.
    Abort(commands::drills::Abort),
    /// Runs a drill again as it was.
    Replay(commands::drills::Replay),
    /// Shows what an earlier run came to.
    Report(commands::drills::Report),
    /// Kills and freezes the leader again and again: how long is no device commanded?
    Failover(commands::failover::Failover),
    /// Steps racks over their limits: how long until a module has acknowledged the order that answers it?
    Reaction(commands::reaction::Reaction),
    /// Runs scenarios under several policies and prints what each was worth.
    Outcome(commands::outcome::OutcomeCommand),
    /// Runs the plant of a scenario in simulated time, without a controller.
    Simulate(commands::simulate::Simulate),
    /// Runs the plant of a scenario in real time, every device a UDP endpoint.
    Plant(commands::plant::PlantCommand),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        // Not 1: that is a demo that ran and did not pass.
        Err(error) => {
            eprintln!("drill: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(demo) => demo.run(),
        Command::List(list) => list.run(),
        Command::Validate(validate) => validate.run(),
        Command::Plan(plan) => plan.run(),
        Command::Run(run) => run.run(),
        Command::Abort(abort) => abort.run(),
        Command::Replay(replay) => replay.run(),
        Command::Report(report) => report.run(),
        Command::Failover(failover) => failover.run(),
        Command::Reaction(reaction) => reaction.run(),
        Command::Outcome(outcome) => outcome.run().map(|()| ExitCode::SUCCESS),
        Command::Simulate(simulate) => simulate.run().map(|()| ExitCode::SUCCESS),
        Command::Plant(plant) => plant.run().map(|()| ExitCode::SUCCESS),
    }
}
