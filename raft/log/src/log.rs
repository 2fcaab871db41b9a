//! The handle of an open log.

use crate::error::{OpenError, Operation, ReadError, WriteError};
use crate::fetch::Fetcher;
use crate::format::PAYLOAD_BYTES_MAX;
use crate::index::{ENTRIES_MAX, Slot};
use crate::open::{io_error, recovered, serving};
use crate::record::Record;
use crate::shared::{Queued, Shared, State};
use crate::storage::{Disk, Storage};
use crate::worker::{ByHand, Done, Durability, Request};
use crossbeam::channel::Sender;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// The size of a segment unless another is configured, in bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 16 << 20;
/// Most payload bytes in one `append`.
pub const REQUEST_BYTES_MAX: usize = 64 << 20;

/// Where a log lies and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The log's own directory; created when absent.
    pub dir: PathBuf,
    /// The cluster's id; a segment of any other cluster is refused.
    pub cluster: [u8; 16],
    /// Where a segment ends, in bytes, from [`SEGMENT_BYTES_MIN`](crate::SEGMENT_BYTES_MIN) to [`SEGMENT_BYTES_MAX`](crate::SEGMENT_BYTES_MAX).
    pub segment_bytes: u64,
}

/// One entry of the replicated log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Place in the replicated log; the first entry has index 0.
    pub index: u64,
    /// Opaque bytes, at most [`PAYLOAD_BYTES_MAX`].
    pub payload: Vec<u8>,
}

/// What a log holds, including what was accepted and is not on the disk yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    /// The first entry that is not purged: the purged index plus 1, or 0.
    pub first_index: u64,
    /// The last entry; `None` when no entry can be read.
    pub last_index: Option<u64>,
    /// The last purged entry.
    pub purged: Option<u64>,
    /// The vote last saved.
    pub vote: Option<Vec<u8>>,
    /// The committed mark last saved.
    pub committed: Option<Vec<u8>>,
    /// Bytes of an unfinished write that were cut off when the log was opened.
    pub torn_bytes: u64,
}

/// A durable log. Clones are cheap and share one I/O thread, which ends when the last clone is dropped.
///
/// Every callback is called exactly once. The callbacks of accepted requests run on the I/O thread, in the order in
/// which the requests were made; they must be brief and must not write to the log, or they could wait for themselves.
/// The callback of a request that is refused at once runs before the call returns.
///
/// A call that writes blocks while the queue is full (1,024 requests or 8 MiB).
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    dir: PathBuf,
    requests: Option<Sender<Request>>,
    served: Served,
}

/// Who does what is asked of a log.
enum Served {
    /// A thread of its own; none once it was waited for.
    ByThread(Option<JoinHandle<()>>),
    /// Whoever has the [`ByHand`], once this was called.
    ByHand(Box<dyn Fn() + Send + Sync>),
}

/// What a record takes in the queue besides its payload.
const QUEUED_BYTES: usize = 64;

impl Log {
    /// Opens the log in `config.dir`, creates it when absent, and recovers it after a crash.
    ///
    /// Fails when another process has it open, when it belongs to another cluster or a newer release, and when stored
    /// bytes are damaged in a way that no crash explains; then nothing is modified.
    pub fn open(config: LogConfig) -> Result<Self, OpenError> {
        Self::open_with(config, Disk)
    }

    /// Like [`Log::open`], with all changes going through `storage`. Fault injection enters here.
    pub fn open_with<S: Storage>(config: LogConfig, storage: S) -> Result<Self, OpenError> {
        let opened = recovered(config, storage, true)?;
        let dir = opened.dir.clone();
        let (requests, worker) = serving(opened);
        let shared = Arc::clone(&worker.shared);
        let thread = thread::Builder::new().name("raft-log-io".into()).spawn(move || worker.run());
        let thread = thread.map_err(io_error(&dir, Operation::StartThread))?;
        let served = Served::ByThread(Some(thread));
        Ok(Self { inner: Arc::new(Inner { shared, dir, requests: Some(requests), served }) })
    }

    /// Like [`Log::open_with`], without threads: `wake` is called after every request, and what is queued waits until
    /// [`ByHand::serve`] is called. Simulation enters here, where time is not the machine's.
    ///
    /// A call that finds the queue full would wait for ever where nobody else serves it. When the [`ByHand`] is dropped, what
    /// is queued was never asked for, as when a process is killed; its callbacks say [`WriteError::Stopped`].
    pub fn open_by_hand<S: Storage>(
        config: LogConfig,
        storage: S,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<(Self, ByHand<S>), OpenError> {
        let opened = recovered(config, storage, false)?;
        let dir = opened.dir.clone();
        let (requests, worker) = serving(opened);
        let (shared, served) = (Arc::clone(&worker.shared), Served::ByHand(Box::new(wake)));
        let log = Self { inner: Arc::new(Inner { shared, dir, requests: Some(requests), served }) };
        Ok((log, ByHand { worker }))
    }

    /// What the log holds now.
    pub fn state(&self) -> LogState {
        let state = self.inner.shared.lock();
        LogState {
            first_index: state.index.first(),
            last_index: state.index.last(),
            purged: state.index.purged(),
            vote: state.vote.clone(),
            committed: state.committed.clone(),
            torn_bytes: state.torn_bytes,
        }
    }

    /// Appends entries. They can be read as soon as this returns; `done` is called when they are durable.
    ///
    /// The first index must be the one after the last (or after the purged one, or 0), and each the one after the one
    /// before, else [`WriteError::Gap`]. All entries are refused together, with nothing changed.
    pub fn append(&self, entries: Vec<LogEntry>, done: impl FnOnce(Result<(), WriteError>) + Send + 'static) {
        let bytes = entries.iter().map(|entry| entry.payload.len() + QUEUED_BYTES).sum();
        self.submit(bytes, Durability::Synced, Done::new(done), |state| {
            check_entries(state, &entries)?;
            Ok(entries.into_iter().map(|entry| state.stage_entry(entry.payload)).collect())
        });
    }

    /// Replaces the vote; `done` is called when it is durable.
    pub fn save_vote(&self, payload: Vec<u8>, done: impl FnOnce(Result<(), WriteError>) + Send + 'static) {
        self.replace(payload, Durability::Synced, Done::new(done), |payload| Record::Vote { payload });
    }

    /// Replaces the vote by one that may be forgotten: as [`Log::save_committed`], it need not survive a power cut before a
    /// later request has been synced.
    pub fn note_vote(&self, payload: Vec<u8>, done: impl FnOnce(Result<(), WriteError>) + Send + 'static) {
        self.replace(payload, Durability::Written, Done::new(done), |payload| Record::Vote { payload });
    }

    /// Replaces the committed mark. `done` is called when it is written: it survives a crash of the process at once,
    /// and a power cut once a later request has been synced.
    pub fn save_committed(&self, payload: Vec<u8>, done: impl FnOnce(Result<(), WriteError>) + Send + 'static) {
        self.replace(payload, Durability::Written, Done::new(done), |payload| Record::Committed { payload });
    }

    /// Drops every entry after `index`, or all entries with `None`; `done` is called when that is durable.
    ///
    /// Refused with [`WriteError::Purged`] when `index` is below the purged one.
    pub fn truncate_after(&self, index: Option<u64>, done: impl FnOnce(Result<(), WriteError>) + Send + 'static) {
        self.submit(QUEUED_BYTES, Durability::Synced, Done::new(done), |state| match (index, state.index.purged()) {
            (Some(index), Some(purged)) if index < purged => Err(WriteError::Purged { index, purged }),
            _ => Ok(vec![state.stage(Record::TruncateAfter { index })]),
        });
    }

    /// Makes entries up to `index` unreadable through this handle; `done` is called when that is durable.
    ///
    /// `index` may lie beyond the last entry (a snapshot was installed): then the log is empty and the next entry is
    /// `index` + 1. Nothing is erased: the segments keep every record for the audit.
    pub fn purge_to(&self, index: u64, done: impl FnOnce(Result<(), WriteError>) + Send + 'static) {
        self.submit(QUEUED_BYTES, Durability::Synced, Done::new(done), |state| {
            Ok(vec![state.stage(Record::Purge { index })])
        });
    }

    /// The entries within `range` that exist, in order, as many as fit in `max_bytes` of payload but at least one.
    ///
    /// Fails when the segments cannot be read or are damaged.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<LogEntry>, ReadError> {
        let found = find(&self.inner.shared.lock(), range, max_bytes);
        let mut fetcher = Fetcher::new(&self.inner.dir);
        let mut entries = Vec::with_capacity(found.len());
        for (index, source) in found {
            let payload = match source {
                Source::Memory(payload) => payload.to_vec(),
                Source::Segment(slot) => fetcher.fetch(index, &slot)?,
            };
            entries.push(LogEntry { index, payload });
        }
        Ok(entries)
    }

    /// Why the log has stopped for good, if it has. It can still be read.
    pub fn failed(&self) -> Option<WriteError> {
        self.inner.shared.lock().failed.clone()
    }

    /// Queues a record that takes the place of the last of its kind.
    fn replace(&self, payload: Vec<u8>, durability: Durability, done: Done, record: impl FnOnce(Vec<u8>) -> Record) {
        self.submit(payload.len() + QUEUED_BYTES, durability, done, |state| {
            check_payload(&payload)?;
            Ok(vec![state.stage(record(payload))])
        });
    }

    /// Queues what `prepare` makes of the request. State and queue change under one lock, so their order is the same.
    fn submit<F>(&self, bytes: usize, durability: Durability, done: Done, prepare: F)
    where
        F: FnOnce(&mut State) -> Result<Vec<Queued>, WriteError>,
    {
        let mut state = self.inner.shared.lock_with_room(bytes);
        let prepared = state.failed.clone().map_or_else(|| prepare(&mut state), Err);
        let records = match prepared {
            Ok(records) => records,
            Err(error) => {
                drop(state);
                return done.call(Err(error));
            }
        };
        state.queue(bytes);
        let request = Request { records, durability, bytes, done };
        // There is room, and the lock keeps it: this fails only when the I/O thread is gone, and then dropping the
        // request calls its callback, which must not happen under the lock.
        let refused = self.inner.requests.as_ref().map(|requests| requests.try_send(request));
        drop(state);
        drop(refused);
        if let Served::ByHand(wake) = &self.inner.served {
            wake();
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.requests = None;
        let Served::ByThread(thread) = &mut self.served else { return };
        if let Some(thread) = thread.take() {
            // The last handle may have lived in a callback; a thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

enum Source {
    Memory(Arc<Vec<u8>>),
    Segment(Slot),
}

fn find(state: &State, range: Range<u64>, max_bytes: usize) -> Vec<(u64, Source)> {
    let range = range.start.max(state.index.first())..range.end.min(state.index.next());
    let mut found = Vec::new();
    let mut bytes = 0usize;
    for index in range {
        let Some(slot) = state.index.get(index) else { break };
        bytes = bytes.saturating_add(slot.payload_bytes as usize);
        if bytes > max_bytes && !found.is_empty() {
            break;
        }
        let source = match state.cache.get(index, &state.index) {
            Some(payload) => Source::Memory(Arc::clone(payload)),
            None => Source::Segment(*slot),
        };
        found.push((index, source));
    }
    found
}

fn check_entries(state: &State, entries: &[LogEntry]) -> Result<(), WriteError> {
    let mut expected = state.index.next();
    for entry in entries {
        if entry.index != expected {
            return Err(WriteError::Gap { expected, found: entry.index });
        }
        check_payload(&entry.payload)?;
        expected = expected.saturating_add(1);
    }
    let bytes = entries.iter().map(|entry| entry.payload.len()).sum();
    if bytes > REQUEST_BYTES_MAX {
        return Err(WriteError::TooLarge { bytes, bytes_max: REQUEST_BYTES_MAX });
    }
    if state.index.len() + entries.len() > ENTRIES_MAX {
        return Err(WriteError::TooManyEntries { entries_max: ENTRIES_MAX });
    }
    Ok(())
}

fn check_payload(payload: &[u8]) -> Result<(), WriteError> {
    let (bytes, bytes_max) = (payload.len(), PAYLOAD_BYTES_MAX);
    if bytes > bytes_max { Err(WriteError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}
