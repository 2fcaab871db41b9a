//! How long a replicated, durable commit of one entry takes, and how many are made in a second.
//!
//! `cargo bench-commit [--output table|json] [--quick]`. Three real replicas as processes, TLS between them, each with a log of
//! its own on this disk; beside them what the machine itself needs, and three etcd. All take turns in short rounds, so that
//! a noisy neighbour disturbs all alike; only the ratios travel to another machine.
//!
//! ```text
//!  this program ──stdin, stdout──► the same program as replica 1, 2, 3: the leader proposes, times, answers
//!       └────────gRPC────────────► etcd 1, 2, 3: this program puts at the leader and times
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`options`] | the command line |
//! | [`rounds`] | who takes turns with whom, and how often |
//! | [`replica`] | one replica, in a process of its own |
//! | [`cluster`] | three of them, and asking their leader |
//! | [`etcd`] | three etcd, and a client at their leader |
//! | [`report`] | what is told |

mod cluster;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(not(feature = "etcd"))]
#[path = "no_etcd.rs"]
mod etcd;
mod options;
mod replica;
mod report;
mod rounds;

use std::process::ExitCode;

use clap::Parser;
use options::{Options, Role};

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.role {
        Some(Role::Replica) => replica::run(),
        None => rounds::measure(&options).map(|report| options.output.print(&report)),
    };
    outcome.map_or_else(
        |error| {
            eprintln!("bench-commit: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
