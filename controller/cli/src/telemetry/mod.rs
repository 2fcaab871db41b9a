//! `ridectl telemetry`: what replicas recorded of what they heard, and how to take it elsewhere.

mod export;
mod gaps;
mod gather;
mod show;
mod table;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::output::Output;

/// The recordings to read.
#[derive(Debug, Args)]
pub struct Source {
    /// A replica's data folder, or any folder of segments; repeat it for several.
    #[arg(long, required = true)]
    data_dir: Vec<PathBuf>,
    /// Only from this time on, such as `2026-11-26T08:00:00Z`.
    #[arg(long, value_parser = time)]
    from: Option<i64>,
    /// Only before this time.
    #[arg(long, value_parser = time)]
    to: Option<i64>,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what there is: span, racks, size, gaps, damage.
    Show {
        #[command(flatten)]
        source: Source,
    },
    /// Write Parquet, one file for each hour and replica, in folders `date=…/hour=…` (UTC).
    Export {
        #[command(flatten)]
        source: Source,
        /// The folder to make; it must not be there yet, or be empty.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Runs a command; false where something was damaged, or nothing was there.
pub fn run(command: &Command, output: Output) -> Result<bool> {
    match command {
        Command::Show { source } => show::run(&gather::gather(source)?, output),
        Command::Export { source, out } => export::run(source, out, output),
    }
}

/// A UTC time as Unix milliseconds.
fn time(text: &str) -> Result<i64> {
    let at: SystemTime = humantime::parse_rfc3339_weak(text).context("expected a time such as 2026-11-26T08:00:00Z")?;
    Ok(i64::try_from(at.duration_since(UNIX_EPOCH)?.as_millis())?)
}

#[cfg(test)]
mod tests;
