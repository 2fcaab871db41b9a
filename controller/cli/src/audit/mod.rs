//! `ridectl audit`: what the log says, whether it holds, and why a transfer was made.

#[cfg(test)]
pub mod example;
mod explain;
mod log;
pub mod open;
mod records;
mod verify;
mod words;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use ridethrough_core::command::TransferId;

use crate::output::Output;

/// The log to review.
#[derive(Debug, Args)]
pub struct Source {
    /// A replica's data folder, or a copy of it; repeat it to compare replicas.
    #[arg(long, required = true)]
    dir: Vec<PathBuf>,
    /// The site file; by default the copy that lies beside the log.
    #[arg(long)]
    site: Option<PathBuf>,
}

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the entries, oldest first.
    Log {
        #[command(flatten)]
        source: Source,
        /// Only entries about this rack.
        #[arg(long)]
        rack: Option<String>,
        /// Only the last so many.
        #[arg(long)]
        last: Option<usize>,
    },
    /// Replay the log, compare every state with what its proposers saw, and the devices' own records with the log.
    Verify {
        #[command(flatten)]
        source: Source,
        /// A folder with the devices' own records.
        #[arg(long)]
        records: Option<PathBuf>,
    },
    /// Say why a transfer was made and what became of it, or what an entry is and why.
    Explain {
        /// The transfer, such as `184.0`, or an entry, such as `184`.
        id: String,
        #[command(flatten)]
        source: Source,
    },
}

/// Runs a command; false is a negative answer.
pub fn run(command: &Command, output: Output) -> Result<bool> {
    match command {
        Command::Log { source, rack, last } => log::run(&open::open(source)?, rack.as_deref(), *last, output),
        Command::Verify { source, records } => verify::run(&open::open(source)?, records.as_deref(), output),
        Command::Explain { id, source } => explain::run(&open::open(source)?, &wanted(id)?, output),
    }
}

/// What `explain` is asked for: one transfer, or every transfer of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    index: u64,
    nth: Option<u16>,
}

fn wanted(id: &str) -> Result<Wanted> {
    if let Ok(index) = id.parse() {
        return Ok(Wanted { index, nth: None });
    }
    let id: TransferId = id.parse().map_err(anyhow::Error::msg)?;
    Ok(Wanted { index: id.index, nth: Some(id.nth) })
}
