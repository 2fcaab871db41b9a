//! `ridectl check`: what would be done, without anything being done.

mod evidence;
mod transfer;

use anyhow::Result;
use clap::Subcommand;

use crate::audit::Source;
use crate::audit::open::open;
use crate::output::Output;

/// What to check.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say whether an operator's transfer would be admitted after the log's last entry. Read-only.
    Transfer {
        #[command(flatten)]
        source: Source,
        /// The rack that is to receive.
        #[arg(long)]
        rack: String,
        /// The module that is to supply it; from wherever it costs least when left out.
        #[arg(long)]
        from: Option<String>,
        /// How much is to reach it.
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=transfer::WATTS_MAX))]
        watts: i64,
        /// For how long; by default as long as the site's own transfers.
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=transfer::SECONDS_MAX))]
        seconds: Option<i64>,
    },
}

/// Runs a command; false is a negative answer.
pub fn run(command: &Command, output: Output) -> Result<bool> {
    let Command::Transfer { source, rack, from, watts, seconds } = command;
    let wish = transfer::Wish { rack, from: from.as_deref(), watts: *watts, seconds: *seconds };
    transfer::run(&open(source)?, &wish, output)
}
