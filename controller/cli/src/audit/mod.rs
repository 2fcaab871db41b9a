//! `ridectl audit`: what the log says, whether it holds, and why a transfer was made; proofs for those who have no log.

mod about;
mod compare;
mod diff;
#[cfg(test)]
pub mod example;
mod explain;
mod export;
mod facts;
mod fetch;
mod filter;
mod history;
mod keygen;
mod kind;
mod log;
pub mod open;
mod proof;
mod records;
mod retention;
mod show;
mod tree;
mod verify;
mod words;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use ridethrough_core::command::TransferId;
use ridethrough_witness::WitnessKey;

use self::export::Format;
use self::filter::Filter;
use self::log::Order;
use self::retention::Prune;
use crate::ask::All;
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
    /// Print the entries, oldest first. Filters are joined by "and".
    Log {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        filter: Filter,
        /// Newest first.
        #[arg(long)]
        reverse: bool,
        /// Only the last so many, oldest first.
        #[arg(long, value_name = "COUNT", conflicts_with_all = ["reverse", "limit"])]
        last: Option<usize>,
    },
    /// Print one entry, whole.
    Show {
        /// The entry's index.
        index: u64,
        #[command(flatten)]
        source: Source,
    },
    /// Write the entries into a file for other tools, oldest first; runbooks/audit-export.md describes the fields.
    Export {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        filter: Filter,
        /// How to write them.
        #[arg(long, value_enum)]
        format: Format,
        /// The file to make; one that is there is never written to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Say whether two copies of the log tell the same history, and which entry is the first that differs. That one goes
    /// on longer than the other is told, and is no difference.
    Diff {
        /// A replica's data folder, a copy of it, or an export of one as JSON Lines.
        a: PathBuf,
        /// The other.
        b: PathBuf,
        /// The site file; by default the copy that lies beside a log.
        #[arg(long)]
        site: Option<PathBuf>,
    },
    /// Compare the log with the checkpoints that witnesses signed, entry by entry; replay it and compare every state with
    /// what its proposers saw, and the devices' own records with the log.
    Verify {
        /// A replica's data folder, or a copy of it; name several to compare replicas.
        #[arg(value_name = "DIR", required_unless_present = "dir")]
        dirs: Vec<PathBuf>,
        /// The same.
        #[arg(long)]
        dir: Vec<PathBuf>,
        /// The site file; by default the copy that lies beside the log.
        #[arg(long)]
        site: Option<PathBuf>,
        /// A witness's public key, as `ridectl audit keygen` prints it; without any, no checkpoint is looked at.
        #[arg(long, value_name = "VKEY", num_args = 1..)]
        witness: Vec<WitnessKey>,
        /// A folder with the devices' own records.
        #[arg(long)]
        records: Option<PathBuf>,
    },
    /// Compare checkpoints that were collected from replicas with one log: each must be a prefix of it, and the one that forks
    /// is named.
    Compare {
        /// Checkpoints' files; a replica's data folder, running or not, stands for its newest checkpoint.
        #[arg(value_name = "CHECKPOINT", required = true)]
        checkpoints: Vec<PathBuf>,
        /// The log: a replica's data folder, or a copy of it.
        #[arg(long)]
        dir: PathBuf,
        /// A witness's public key; what none of them has signed is not judged.
        #[arg(long, value_name = "VKEY", num_args = 1.., required = true)]
        witness: Vec<WitnessKey>,
    },
    /// Write one entry's proof, for whoever has a witness's key and no log.
    Prove {
        /// The entry's index.
        index: u64,
        /// A replica's data folder, or a copy of it.
        dir: PathBuf,
        /// The file to make, in the form of C2SP tlog-proof.
        #[arg(long)]
        out: PathBuf,
    },
    /// Check an entry's proof, without the log.
    Check {
        /// The proof's file.
        file: PathBuf,
        /// A witness's public key; one of them must have signed.
        #[arg(long, value_name = "VKEY", num_args = 1.., required = true)]
        witness: Vec<WitnessKey>,
    },
    /// Copy the logs of running replicas, with their newest checkpoints, into a folder of its name for each: what is new since
    /// the last time. Every other command reads those as it reads a replica's folder.
    Fetch {
        #[command(flatten)]
        all: All,
        /// The folder below which they are made.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Copy what is sealed of a replica's log, with the checkpoints of it, into an archive, which every command reads as it
    /// reads a replica's folder. Say it again to bring the archive up to date; what is there is compared.
    Archive {
        /// The replica's data folder; it may be running.
        #[arg(long, value_name = "DIR", env = "RIDETHROUGH_DATA_DIR")]
        data_dir: PathBuf,
        /// The archive's folder, one for each replica; made when it is not there.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Remove from a replica's folder the oldest segments of its log, where the replica needs them no more, an archive holds
    /// them byte for byte and witnesses have signed them. The folder then leads to the archive, and is read with it.
    Prune(Prune),
    /// Draw a key that a replica signs checkpoints with, into a new file that only its owner can read: what `audit.key`
    /// names. Prints its public half.
    Keygen {
        /// The witness's name, such as `ridethrough/demo/n1`.
        #[arg(long)]
        name: String,
        /// The file to make.
        file: PathBuf,
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
        Command::Log { source, filter, reverse, last } => {
            let order = if *reverse { Order::NewestFirst } else { last.map_or(Order::OldestFirst, Order::Last) };
            log::run(&history::open(source)?, filter, order, output)
        }
        Command::Show { index, source } => show::run(&history::open(source)?, *index, output),
        Command::Export { source, filter, format, out } => {
            export::run(&history::open(source)?, filter, *format, out, output)
        }
        Command::Diff { a, b, site } => diff::run(a, b, site.as_deref(), output),
        Command::Verify { dirs, dir, site, witness, records } => {
            let source = Source { dir: dirs.iter().chain(dir).cloned().collect(), site: site.clone() };
            verify(&source, witness, records.as_deref(), output)
        }
        Command::Compare { checkpoints, dir, witness } => compare::run(dir, checkpoints, witness, output),
        Command::Prove { index, dir, out } => proof::prove(*index, dir, out, output),
        Command::Check { file, witness } => proof::check(file, witness, output),
        Command::Fetch { all, to } => fetch::run(all, to, output),
        Command::Archive { data_dir, to } => retention::archive(data_dir, to, output),
        Command::Prune(wanted) => retention::prune(wanted, output),
        Command::Keygen { name, file } => keygen::run(name, file, output),
        Command::Explain { id, source } => explain::run(&open::open(source)?, &wanted(id)?, output),
    }
}

/// What does not hold of the log of one replica, in words, as `ridectl audit verify` tells it.
pub fn faults(dir: &Path) -> Result<Vec<String>> {
    Ok(verify::faults(&open::open(&Source { dir: vec![dir.to_owned()], site: None })?))
}

/// A log that is not what was signed is not replayed: whatever it would say is forged.
fn verify(source: &Source, witnesses: &[WitnessKey], records: Option<&Path>, output: Output) -> Result<bool> {
    let tree = tree::verify(&source.dir, witnesses)?;
    match tree {
        Some(tree) if !tree.verified => tree.refuse(output),
        tree => verify::run(&open::open(source)?, tree, records, output),
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
