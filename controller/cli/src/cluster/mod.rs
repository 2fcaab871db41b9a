//! `ridectl cluster`: who is in the cluster, who leads, who is to lead instead, who joins and leaves; backups.

mod backup;
mod members;
mod status;
mod transfer;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use ridethrough_core::device::Fence;
use serde_json::json;

use crate::ask::{How, Of};
use crate::ended::Ended;
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
        how: How,
        /// The number of the replica that is to lead.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        to: u16,
    },
    /// Make a dead replica no member any longer, so that the others need its vote no more.
    ///
    /// Ask the leader. It writes the wish into the log and then changes the members; a forgotten replica that comes back is
    /// refused by all others and does not stand for election.
    Forget {
        #[command(flatten)]
        how: How,
        /// The number of the replica.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        replica: u16,
        /// Forget it even where it is alive and heard.
        #[arg(long)]
        although_alive: bool,
    },
    /// Make a replica a member: it receives the log first, and votes once it has it.
    ///
    /// Ask the leader, while the new replica runs with an empty data folder and all members among its `[[peer]]`s. What is left
    /// half-done is completed by saying the same again, or taken back by `forget`.
    Add {
        #[command(flatten)]
        how: How,
        /// The number of the replica.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        replica: u16,
        /// Where it listens for its peers.
        #[arg(long, value_name = "IP:PORT")]
        address: SocketAddr,
    },
    /// Copy the folder of a replica, running or stopped, so that a lost cluster can be restored from it. Keys are not copied.
    Backup {
        /// The replica's data folder.
        #[arg(long, value_name = "DIR", env = "RIDETHROUGH_DATA_DIR")]
        data_dir: PathBuf,
        /// The folder to make.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Put a backup where a replica will look: only when ALL replicas are lost, and then for each of them.
    ///
    /// Every sum is checked and the log is replayed before anything has its place. runbooks/restore-from-a-backup.md.
    Restore {
        /// The backup's folder.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// The replica's configuration file: it names the cluster and the data folder, which must be empty.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Go on above this term, which a device has obeyed.
        #[arg(long, value_name = "TERM", requires = "above_index")]
        above_term: Option<u64>,
        /// Go on above this index, which a device has obeyed.
        #[arg(long, value_name = "INDEX", requires = "above_term")]
        above_index: Option<u64>,
    },
}

/// Carries a command out.
pub fn run(command: &Command, output: Output) -> Result<Ended> {
    match command {
        Command::Status(of) => status::show(of, output).map(Ended::from),
        Command::Transfer { how, to } => transfer::transfer(how, *to, output),
        Command::Forget { how, replica, although_alive } => {
            let request = json!({ "command": "forget", "replica": replica, "although_alive": although_alive });
            members::change(how, &request, output)
        }
        Command::Add { how, replica, address } => {
            let request = json!({ "command": "add", "replica": replica, "address": address });
            members::change(how, &request, output)
        }
        Command::Backup { data_dir, to } => backup::take(data_dir, to, output).map(Ended::from),
        Command::Restore { from, config, above_term, above_index } => {
            let above = above_term.zip(*above_index).map(|(term, index)| Fence { term, index });
            backup::restore::restore(from, config, above, output).map(Ended::from)
        }
    }
}
