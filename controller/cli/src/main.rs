//! `ridectl`: what an operator or auditor types.
//!
//! Exit status: 0 ok; 1 a negative answer (an audit that does not hold); 2 usage or something that cannot be read.

mod audit;
mod output;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::output::Output;

/// Ask a Ridethrough cluster, or its log.
#[derive(Debug, Parser)]
#[command(name = "ridectl", version)]
struct Arguments {
    /// How to print.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Review the log of a replica, offline, from its data folder or a copy of it.
    #[command(subcommand)]
    Audit(audit::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Command::Audit(command) = arguments.command;
    match audit::run(&command, arguments.output) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("ridectl: {error:#}");
            ExitCode::from(2)
        }
    }
}
