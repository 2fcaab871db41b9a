//! The command line.

use clap::{Parser, Subcommand, ValueEnum};

use crate::report::Report;

/// As in the daemon.
const WORKERS: usize = 1;

/// How long a replicated, durable commit of one entry takes, and how many are made in a second.
#[derive(Debug, Parser)]
#[command(name = "bench-commit")]
pub struct Options {
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// So few that the numbers mean little: a test that all of it works.
    #[arg(long)]
    pub quick: bool,
    /// How often all take turns.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Threads of each replica's runtime.
    #[arg(long, default_value_t = WORKERS)]
    pub workers: usize,
    /// Have replicas sign checkpoints, as daemons with a key do: every 256 entries, so seconds there and milliseconds here, on
    /// the disk that is measured.
    #[arg(long)]
    pub sign: bool,
    /// What cargo tells every bench.
    #[arg(long, hide = true)]
    bench: bool,
    /// What this process is, if not the one that measures.
    #[command(subcommand)]
    pub role: Option<Role>,
}

/// What the program starts itself as.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Role {
    /// A replica that reads on its standard input what to do.
    #[command(hide = true)]
    Replica,
}

/// How to tell what was measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For machines.
    Json,
}

impl Output {
    /// To the standard output.
    pub fn print(self, report: &Report) {
        match self {
            Self::Table => print!("{}", report.table()),
            Self::Json => println!("{:#}", report.json()),
        }
    }
}
