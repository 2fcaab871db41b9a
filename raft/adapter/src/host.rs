//! What a replica stands on: a disk, a network, and who serves its log. Fault injection and simulation put others here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ridethrough_raft_log::{ByHand, Disk, Storage};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::network::{Network, Tcp};

/// What a replica stands on.
pub struct Host<S> {
    /// What all changes to its log go through.
    pub storage: S,
    /// How it reaches its peers.
    pub network: Arc<dyn Network>,
    /// Who serves its log.
    pub log_io: LogIo,
}

/// Who carries out what is asked of a log.
#[derive(Clone)]
pub enum LogIo {
    /// A thread of its own, which waits for the disk.
    Thread,
    /// A task of the replica's runtime, for time that is not the machine's: what is queued is done, all of it at once, when
    /// this has passed, which says how long the disk takes each time.
    Task(Arc<dyn Fn() -> Duration + Send + Sync>),
}

impl Host<Disk> {
    /// The machine.
    pub fn machine() -> Self {
        Self::with(Disk)
    }
}

impl<S> Host<S> {
    /// The machine, but for its disk.
    pub fn with(storage: S) -> Self {
        Self { storage, network: Arc::new(Tcp), log_io: LogIo::Thread }
    }
}

/// A log's queue, for a task that serves it.
pub(crate) struct Queue<S: Storage> {
    pub(crate) by_hand: ByHand<S>,
    /// Told after each request.
    pub(crate) asked: Arc<Notify>,
    pub(crate) disk_takes: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl<S: Storage> Queue<S> {
    /// Serves until it is dropped; what is queued then is lost, as when a process is killed.
    pub(crate) async fn serve(mut self) {
        loop {
            self.asked.notified().await;
            sleep((self.disk_takes)()).await;
            while self.by_hand.serve() {}
        }
    }
}

impl fmt::Debug for LogIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread => "Thread",
            Self::Task(_) => "Task",
        })
    }
}
