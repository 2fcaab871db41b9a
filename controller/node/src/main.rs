//! `ridethroughd`: one replica of the controller. Nothing that injects faults is linked in.

mod baselines;
mod checked;
mod clock;
mod config;
mod consensus;
mod control;
mod counted;
mod data_folder;
mod described;
mod doors;
mod ending;
mod forecasting;
mod intake;
mod known;
mod modbus;
mod nut;
mod operator;
mod plausibility;
mod ports;
mod power;
mod recording;
mod redfish;
mod runtimes;
mod server_views;
mod service;
mod serving;
mod shown_meters;
mod site_view;
mod snmp;
mod stored;
mod wiring;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// One replica of the Ridethrough controller.
#[derive(Debug, Parser)]
#[command(name = "ridethroughd", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run this replica until it is told to stop (SIGINT or SIGTERM).
    Run {
        /// Its configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Check a configuration, with the site, secret and model that it names, and start nothing.
    CheckConfig {
        /// The configuration file.
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    // First of all, while there is one thread: the inference runtime must stay silent.
    let silenced = ridethrough_model::silence_telemetry();
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("RIDETHROUGH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,openraft=error,ridethroughd=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let outcome = silenced.map_err(anyhow::Error::from).and_then(|()| match arguments.command {
        Command::Run { config } => wiring::run(&config),
        Command::CheckConfig { config } => checked::check(&config).map(|report| println!("{report}")),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ridethroughd: {error:#}");
            ExitCode::from(2)
        }
    }
}
