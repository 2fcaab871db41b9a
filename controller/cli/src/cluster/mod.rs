//! `ridectl cluster`: who is in the cluster, who leads, and who is to lead instead.

mod status;
mod transfer;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::output::Output;

/// What to do with a cluster.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say who is in the cluster, who leads and how far each member is, as one replica sees it.
    Status(Of),
    /// Let another replica lead, as before maintenance of the one that does.
    ///
    /// Ask the leader. It writes the wish into the log, falls silent towards all devices and hands over; what is in force
    /// there stays in force. Returns once another leads.
    Transfer {
        #[command(flatten)]
        of: Of,
        /// The number of the replica that is to lead.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        to: u16,
        /// Why, for the log. The log names whoever runs this command, too.
        #[arg(long)]
        reason: String,
        /// Only say whether it would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which replica is asked.
#[derive(Debug, Args)]
pub struct Of {
    /// The data folder of a running replica.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

/// Carries a command out; false is a negative answer.
pub fn run(command: &Command, output: Output) -> Result<bool> {
    match command {
        Command::Status(of) => status::show(&of.data_dir, output),
        Command::Transfer { of, to, reason, dry_run } => {
            transfer::transfer(&of.data_dir, *to, reason, *dry_run, output)
        }
    }
}
