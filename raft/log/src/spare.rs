//! Prepares the next segment's file ahead of time, in the background.
//!
//! The file is filled with real zeros, since writing into blocks that the file system has already allocated needs no
//! journal commit at each sync. A spare gets its header, is synced and only then renamed, so a segment that exists
//! always has a whole header.

use crate::error::{Operation, WriteError};
use crate::storage::{Storage, StorageFile};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A zero-filled file without a header, not yet part of the log.
pub(crate) struct Spare<F> {
    pub(crate) file: F,
    pub(crate) path: PathBuf,
}

/// Makes spares one at a time.
pub(crate) struct Spares<S: Storage> {
    storage: Arc<S>,
    dir: PathBuf,
    segment_bytes: u64,
    made: u64,
    underway: Option<JoinHandle<Result<Spare<S::File>, WriteError>>>,
}

static ZEROS: [u8; 1 << 18] = [0; 1 << 18];

impl<S: Storage> Spares<S> {
    pub(crate) fn new(storage: Arc<S>, dir: PathBuf, segment_bytes: u64) -> Self {
        Self { storage, dir, segment_bytes, made: 0, underway: None }
    }

    /// Starts making a spare unless one is there already.
    pub(crate) fn prepare(&mut self) {
        if self.underway.is_none() {
            let (storage, path, bytes) = (Arc::clone(&self.storage), self.next_path(), self.segment_bytes);
            let thread = thread::Builder::new().name("raft-log-spare".into());
            // Without a thread the spare is made when it is needed, which is slower and no less safe.
            self.underway = thread.spawn(move || make(&*storage, path, bytes)).ok();
        }
    }

    /// The spare, made now if none was prepared or its preparation failed.
    pub(crate) fn take(&mut self) -> Result<Spare<S::File>, WriteError> {
        if let Some(Ok(Ok(spare))) = self.underway.take().map(JoinHandle::join) {
            return Ok(spare);
        }
        // Nothing of the log was in a spare that failed, so trying once more loses nothing.
        let path = self.next_path();
        make(&*self.storage, path, self.segment_bytes)
    }

    fn next_path(&mut self) -> PathBuf {
        self.made += 1;
        self.dir.join(format!("spare-{}.tmp", self.made))
    }
}

impl<S: Storage> Drop for Spares<S> {
    fn drop(&mut self) {
        if let Some(Ok(Ok(spare))) = self.underway.take().map(JoinHandle::join) {
            // A spare that stays is removed at the next open.
            drop(self.storage.remove(&spare.path));
        }
    }
}

/// Removes the spares that an earlier run has left.
pub(crate) fn remove_all<S: Storage>(storage: &S, dir: &Path) -> io::Result<()> {
    for item in std::fs::read_dir(dir)? {
        let path = item?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("spare-") && path.extension().is_some_and(|extension| extension == "tmp") {
            storage.remove(&path)?;
        }
    }
    Ok(())
}

/// Writes zeros over `from..to`.
pub(crate) fn fill<F: StorageFile>(file: &mut F, from: u64, to: u64) -> io::Result<()> {
    let mut offset = from;
    while offset < to {
        let bytes = usize::try_from(to - offset).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_all_at(&ZEROS[..bytes], offset)?;
        offset += bytes as u64;
    }
    Ok(())
}

fn make<S: Storage>(storage: &S, path: PathBuf, bytes: u64) -> Result<Spare<S::File>, WriteError> {
    let failed = |operation| {
        let file = path.clone();
        move |error| WriteError::failed(&file, 0, operation, &error)
    };
    let mut file = storage.create(&path).map_err(failed(Operation::Create))?;
    let filled = fill(&mut file, 0, bytes).map_err(failed(Operation::Write));
    match filled.and_then(|()| file.sync_data().map_err(failed(Operation::Sync))) {
        Ok(()) => Ok(Spare { file, path }),
        Err(error) => {
            // On a full disk half a spare would take the space that others need.
            drop(storage.remove(&path));
            Err(error)
        }
    }
}
