//! The I/O thread: first come, first served; everything that is queued shares one write and one sync.

use crate::error::WriteError;
use crate::shared::{Content, Load, Placed, Queued, Shared};
use crate::storage::Storage;
use crate::writer::Writer;
use crossbeam::channel::Receiver;
use std::fmt;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a caller asked for.
pub(crate) struct Request {
    pub(crate) records: Vec<Queued>,
    pub(crate) durability: Durability,
    pub(crate) bytes: usize,
    pub(crate) done: Done,
}

/// When a request is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Synced,
    /// Written is enough; a later sync covers it.
    Written,
}

/// A caller's callback, called exactly once even when the I/O thread dies.
pub(crate) struct Done(Option<Callback>);

type Callback = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

/// The I/O thread's belongings.
pub(crate) struct Worker<S: Storage> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) requests: Receiver<Request>,
    pub(crate) writer: Writer<S>,
    /// Released when the thread has ended and nothing can be written any more.
    pub(crate) _lock: File,
}

/// What an I/O thread would do, for a caller that has no threads: see [`Log::open_by_hand`](crate::Log::open_by_hand).
pub struct ByHand<S: Storage> {
    pub(crate) worker: Worker<S>,
}

impl<S: Storage> ByHand<S> {
    /// Carries out all that is queued with one write and one sync, and calls back; false when nothing was queued.
    pub fn serve(&mut self) -> bool {
        self.worker.serve_queued()
    }
}

impl<S: Storage> fmt::Debug for ByHand<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByHand").finish_non_exhaustive()
    }
}

/// Most bytes that share one sync, so that the first request of a long queue is not kept waiting.
const BATCH_BYTES_MAX: usize = 4 << 20;

impl<S: Storage> Worker<S> {
    /// Serves requests until every handle of the log is gone.
    pub(crate) fn run(mut self) {
        while let Ok(first) = self.requests.recv() {
            let batch = self.gather(first);
            self.serve(batch);
        }
    }

    /// Serves what is queued now; false when nothing is.
    pub(crate) fn serve_queued(&mut self) -> bool {
        let Ok(first) = self.requests.try_recv() else { return false };
        let batch = self.gather(first);
        self.serve(batch);
        true
    }

    fn gather(&self, first: Request) -> Vec<Request> {
        let mut bytes = first.bytes;
        let mut batch = vec![first];
        while bytes < BATCH_BYTES_MAX {
            let Ok(request) = self.requests.try_recv() else { break };
            bytes += request.bytes;
            batch.push(request);
        }
        batch
    }

    fn serve(&mut self, batch: Vec<Request>) {
        // A failed log never touches the disk again: a second sync may report success for data that is lost.
        let failed = self.shared.lock().failed.clone();
        let result = failed.map_or_else(|| self.store(&batch), Err);
        if let Err(error) = &result {
            self.shared.fail(error.clone());
        }
        self.shared.release(Load { requests: batch.len(), bytes: batch.iter().map(|request| request.bytes).sum() });
        for request in batch {
            let call = AssertUnwindSafe(|| request.done.call(result.clone()));
            if catch_unwind(call).is_err() {
                // The caller's code is broken: nobody knows what it makes of the next answer.
                self.shared.fail(WriteError::Stopped);
            }
        }
    }

    fn store(&mut self, batch: &[Request]) -> Result<(), WriteError> {
        let mut placed = Vec::new();
        for queued in batch.iter().flat_map(|request| &request.records) {
            let sequence = queued.sequence;
            let (segment, offset) = self.writer.push(sequence, queued.content.as_ref())?;
            if let Content::Entry { index, .. } = &queued.content {
                placed.push(Placed { index: *index, sequence, segment, offset });
            }
        }
        if batch.iter().any(|request| request.durability == Durability::Synced) {
            self.writer.sync()?;
        } else {
            self.writer.flush()?;
        }
        self.shared.publish(&placed);
        Ok(())
    }
}

impl Done {
    pub(crate) fn new(done: impl FnOnce(Result<(), WriteError>) + Send + 'static) -> Self {
        Self(Some(Box::new(done)))
    }

    pub(crate) fn call(mut self, result: Result<(), WriteError>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            // This may run while the thread unwinds, and a second panic would end the process.
            drop(catch_unwind(AssertUnwindSafe(|| done(Err(WriteError::Stopped)))));
        }
    }
}

impl<S: Storage> Drop for Worker<S> {
    /// Lets nobody wait for a thread that has ended, by a panic or otherwise.
    fn drop(&mut self) {
        // Requests are queued under the lock and only while the log has not failed, so none comes after these.
        self.shared.fail(WriteError::Stopped);
        self.requests.try_iter().for_each(drop);
    }
}
