//! What the callers and the I/O thread share: the state of the log and the count of what is queued.

use crate::cache::Cache;
use crate::error::WriteError;
use crate::index::{Index, Slot};
use crate::record::{Record, RecordRef};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Most requests queued for the I/O thread.
pub(crate) const QUEUE_REQUESTS_MAX: usize = 1024;
/// Most bytes queued for the I/O thread; a larger request waits until it is alone.
const QUEUE_BYTES_MAX: usize = 8 << 20;

/// The state and the signal that there is room in the queue.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    room: Condvar,
}

/// The log as its callers see it: everything that was accepted, whether or not it is on the disk yet.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) index: Index,
    pub(crate) cache: Cache,
    pub(crate) vote: Option<Vec<u8>>,
    pub(crate) committed: Option<Vec<u8>>,
    pub(crate) next_sequence: u64,
    pub(crate) torn_bytes: u64,
    pub(crate) failed: Option<WriteError>,
    pending: Load,
    /// Callers that wait for room: without any, nobody is woken, and to wake nobody is a system call for each batch.
    waiting: usize,
}

/// A number of requests and their size.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) requests: usize,
    pub(crate) bytes: usize,
}

/// A record on its way to the disk.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) sequence: u64,
    pub(crate) content: Content,
}

/// Entries share their payload with the cache.
#[derive(Debug)]
pub(crate) enum Content {
    Entry { index: u64, payload: Arc<Vec<u8>> },
    Other(Record),
}

/// Where the I/O thread wrote an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) index: u64,
    pub(crate) sequence: u64,
    pub(crate) segment: u64,
    pub(crate) offset: u32,
}

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), room: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the state once there is room for `bytes` more, or once the log has failed.
    pub(crate) fn lock_with_room(&self, bytes: usize) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.failed.is_none() && state.pending.is_full_for(bytes) {
            state.waiting += 1;
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state
    }

    /// Notes where entries were written.
    pub(crate) fn publish(&self, placed: &[Placed]) {
        let mut guard = self.lock();
        let state = &mut *guard;
        for entry in placed {
            state.index.place(entry.index, entry.sequence, entry.segment, entry.offset);
        }
        state.cache.trim(&state.index);
    }

    /// Gives back the room of served requests.
    pub(crate) fn release(&self, load: Load) {
        let mut state = self.lock();
        state.pending.requests -= load.requests;
        state.pending.bytes -= load.bytes;
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.room.notify_all();
        }
    }

    /// Stops the log for good; the first reason stays.
    pub(crate) fn fail(&self, error: WriteError) {
        self.lock().failed.get_or_insert(error);
        self.room.notify_all();
    }
}

impl State {
    /// Whether this is the same log as another, as both were read from the disk.
    pub(crate) fn holds_alike(&self, other: &Self) -> bool {
        let (same_marks, same_end) =
            (self.vote == other.vote && self.committed == other.committed, self.next_sequence == other.next_sequence);
        same_marks && same_end && self.index == other.index
    }

    pub(crate) fn queue(&mut self, bytes: usize) {
        self.pending.requests += 1;
        self.pending.bytes += bytes;
    }

    pub(crate) fn stage_entry(&mut self, payload: Vec<u8>) -> Queued {
        let sequence = self.take_sequence();
        let index = self.index.next();
        let payload = Arc::new(payload);
        let payload_bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.index.push(Slot { sequence, segment: 0, offset: 0, payload_bytes });
        self.cache.push(Arc::clone(&payload));
        Queued { sequence, content: Content::Entry { index, payload } }
    }

    pub(crate) fn stage(&mut self, record: Record) -> Queued {
        match &record {
            Record::Entry { .. } => unreachable!("entries are staged by `stage_entry`"),
            Record::Vote { payload } => self.vote = Some(payload.clone()),
            Record::Committed { payload } => self.committed = Some(payload.clone()),
            Record::TruncateAfter { index } => {
                let dropped = self.index.truncate_after(*index);
                self.cache.truncate(dropped);
            }
            Record::Purge { index } => {
                self.index.purge_to(*index);
                self.cache.trim(&self.index);
            }
        }
        Queued { sequence: self.take_sequence(), content: Content::Other(record) }
    }

    fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }
}

impl Load {
    fn is_full_for(self, bytes: usize) -> bool {
        self.requests >= QUEUE_REQUESTS_MAX || (self.requests > 0 && self.bytes + bytes > QUEUE_BYTES_MAX)
    }
}

impl Content {
    pub(crate) fn as_ref(&self) -> RecordRef<'_> {
        match self {
            Self::Entry { index, payload } => RecordRef::Entry { index: *index, payload },
            Self::Other(record) => record.as_ref(),
        }
    }
}
