//! What a replica stands on: a disk and who waits for it, and a network. Fault injection and simulation put others here.

use std::fmt;
use std::io;
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
    /// Who waits for its disk.
    pub disk_io: DiskIo,
}

/// Who waits for a disk.
#[derive(Clone)]
pub enum DiskIo {
    /// Threads that do nothing else.
    Threads,
    /// Tasks of the replica's runtime, for time that is not the machine's: what is queued for the log is done, all of it at
    /// once, when this has passed, which says how long the disk takes each time. Snapshots take no time.
    Tasks(Arc<dyn Fn() -> Duration + Send + Sync>),
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
        Self { storage, network: Arc::new(Tcp), disk_io: DiskIo::Threads }
    }
}

impl DiskIo {
    /// Large states take long and disks may be slow, but the runtime's thread has heartbeats to send.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        match self {
            Self::Threads => tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?,
            Self::Tasks(_) => work(),
        }
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

impl fmt::Debug for DiskIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Threads => "Threads",
            Self::Tasks(_) => "Tasks",
        })
    }
}
