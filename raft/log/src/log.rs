//! The handle of an open log.

use crate::error::{OpenError, Operation, ReadError, WriteError};
use crate::fetch::Fetcher;
use crate::format::PAYLOAD_BYTES_MAX;
use crate::index::{ENTRIES_MAX, Slot};
use crate::record::Record;
use crate::recover::{Recovered, recover};
use crate::segment::{FIRST_SEQUENCE, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::shared::{QUEUE_REQUESTS_MAX, Queued, Shared, State};
use crate::spare;
use crate::storage::{Disk, Storage};
use crate::worker::{Done, Durability, Request, Worker};
use crate::writer::{Setup, Writer};
use crossbeam::channel::{self, Sender};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
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
    /// Where a segment ends, in bytes, from [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`].
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
    worker: Option<JoinHandle<()>>,
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
        let found = config.segment_bytes;
        let (bytes_min, bytes_max) = (SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        if !(bytes_min..=bytes_max).contains(&found) {
            return Err(OpenError::SegmentBytes { found, bytes_min, bytes_max });
        }
        make_dir(&config.dir, &storage)?;
        let lock = lock_dir(&config.dir)?;
        let Recovered { mut state, tail } = recover(&config.dir, config.cluster)?;
        spare::remove_all(&storage, &config.dir).map_err(io_error(&config.dir, Operation::Remove))?;
        let dir = config.dir.clone();
        let setup = Setup { dir: config.dir, cluster: config.cluster, segment_bytes: config.segment_bytes };
        let storage = Arc::new(storage);
        let writer = if let Some(tail) = &tail {
            Writer::resume(setup, storage, tail)
        } else {
            state.next_sequence = FIRST_SEQUENCE;
            Writer::create(setup, storage, FIRST_SEQUENCE)
        };
        Self::start(dir, state, writer.map_err(OpenError::from_write)?, lock)
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

    fn start<S: Storage>(dir: PathBuf, state: State, writer: Writer<S>, lock: File) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::new(state));
        let (sender, requests) = channel::bounded(QUEUE_REQUESTS_MAX);
        let worker = Worker { shared: Arc::clone(&shared), requests, writer, _lock: lock };
        let thread = thread::Builder::new().name("raft-log-io".into()).spawn(move || worker.run());
        let worker = thread.map_err(io_error(&dir, Operation::StartThread))?;
        Ok(Self { inner: Arc::new(Inner { shared, dir, requests: Some(sender), worker: Some(worker) }) })
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
        if let Some(worker) = self.worker.take() {
            // The last handle may have lived in a callback; a thread cannot wait for itself.
            if worker.thread().id() != thread::current().id() {
                drop(worker.join());
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

/// Creates `dir` and makes it durable: a synced segment in a directory that a power cut forgets is lost as well.
fn make_dir<S: Storage>(dir: &Path, storage: &S) -> Result<(), OpenError> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    fs::create_dir_all(dir).map_err(io_error(dir, Operation::CreateDirectory))?;
    for parent in missing.iter().filter_map(|made| made.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        storage.sync_dir(parent).map_err(io_error(parent, Operation::SyncDirectory))?;
    }
    Ok(())
}

fn lock_dir(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("LOCK");
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(io_error(&path, Operation::Open))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(io_error(&path, Operation::Lock)(error)),
    }
}

fn io_error(file: &Path, operation: Operation) -> impl FnOnce(io::Error) -> OpenError {
    move |error| OpenError::Io { file: file.to_path_buf(), operation, error }
}
