//! Runtimes of tokio: each by the name of its thread, so that none waits for another one's work.

use anyhow::{Context, Result};
use ridethrough_link::{Rank, Urgency, claim};
use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread.
pub fn ordinary(name: &str) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
        .with_context(|| format!("cannot start the {name} runtime"))
}

/// Raft's own runtime: its thread runs before ordinary ones where that is allowed, and so does the thread of the log, which it
/// starts. One thread, since a commit is a chain of tasks of which each wakes the next: with two, half of them wait until the
/// other thread, and often the other core, has woken up.
pub fn consensus() -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("raft")
        .on_thread_start(|| {
            claim(Rank::Consensus, Urgency::Fifo, None);
        })
        .enable_all()
        .build()
        .context("cannot start the raft runtime")
}
