//! Writes frames to the newest segment and begins the next one when it is full.

use crate::error::{Operation, WriteError};
use crate::format::{Before, HEADER_BYTES, Header, encode_frame, frame_bytes};
use crate::record::RecordRef;
use crate::segment;
use crate::spare::{self, Spares};
use crate::storage::{Storage, StorageFile};
use crate::version::Version;
use crate::walk::Loaded;
use std::path::PathBuf;
use std::sync::Arc;

/// What a writer is told once.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) dir: PathBuf,
    pub(crate) cluster: [u8; 16],
    pub(crate) segment_bytes: u64,
    /// Whether a thread makes the next segment ahead of time.
    pub(crate) ahead: bool,
}

/// The newest segment, open for writing. After an error it must not be used again.
pub(crate) struct Writer<S: Storage> {
    setup: Setup,
    storage: Arc<S>,
    spares: Spares<S>,
    segment: u64,
    /// Of the segment; one that an older release began is gone on with as that would.
    version: Version,
    path: PathBuf,
    file: S::File,
    /// Where the next write goes, in bytes.
    end: u64,
    /// Frames not yet written.
    buffer: Vec<u8>,
    /// Whether the buffer and the file together hold anything that was not synced.
    before_next: Before,
}

/// A larger batch goes out in several writes, under the same sync.
const BUFFER_BYTES_MAX: usize = 1 << 20;

impl<S: Storage> Writer<S> {
    /// Begins a segment whose first record will be `first_sequence`.
    pub(crate) fn create(setup: Setup, storage: Arc<S>, first_sequence: u64) -> Result<Self, WriteError> {
        let mut spares = Spares::new(Arc::clone(&storage), setup.dir.clone(), setup.segment_bytes);
        let (file, path) = begin(&setup, &*storage, &mut spares, first_sequence)?;
        let end = HEADER_BYTES as u64;
        let (version, buffer, before_next) = (Version::NEWEST, Vec::new(), Before::Synced);
        Ok(Self { setup, storage, spares, segment: first_sequence, version, path, file, end, buffer, before_next })
    }

    /// Goes on in a segment that recovery has read: cuts the torn tail and makes the rest durable.
    pub(crate) fn resume(setup: Setup, storage: Arc<S>, tail: &Loaded) -> Result<Self, WriteError> {
        let path = tail.file.to_path_buf();
        let failed = |operation| {
            let path = path.clone();
            move |error| WriteError::failed(&path, tail.cursor.offset as u64, operation, &error)
        };
        let mut file = storage.open(&path).map_err(failed(Operation::Open))?;
        repair(&mut file, tail, setup.segment_bytes).map_err(failed(Operation::Write))?;
        file.sync_data().map_err(failed(Operation::Sync))?;
        // The last run may have ended between the rename of this segment and the sync of the directory.
        storage.sync_dir(&setup.dir).map_err(failed(Operation::SyncDirectory))?;
        let spares = Spares::new(Arc::clone(&storage), setup.dir.clone(), setup.segment_bytes);
        let (segment, version, end) = (tail.first_sequence, tail.version, tail.cursor.offset as u64);
        let (buffer, before_next) = (Vec::new(), Before::Synced);
        Ok(Self { setup, storage, spares, segment, version, path, file, end, buffer, before_next })
    }

    /// Takes a record; says in which segment and at which offset it will lie.
    pub(crate) fn push(&mut self, sequence: u64, record: RecordRef<'_>) -> Result<(u64, u32), WriteError> {
        let after = self.next_start() + frame_bytes(record) as u64;
        if after > self.setup.segment_bytes && self.position() > HEADER_BYTES as u64 {
            self.roll(sequence)?;
        } else if self.buffer.len() >= BUFFER_BYTES_MAX {
            self.flush()?;
        }
        let start = self.next_start();
        self.buffer.resize(self.buffer.len() + usize::try_from(start - self.position()).unwrap_or(0), 0);
        let offset = u32::try_from(start).unwrap_or(u32::MAX);
        encode_frame(record, sequence, self.before_next, &mut self.buffer);
        self.before_next = Before::Unsynced;
        Ok((self.segment, offset))
    }

    /// Writes what `push` took, in one write.
    pub(crate) fn flush(&mut self) -> Result<(), WriteError> {
        if !self.buffer.is_empty() {
            let written = self.file.write_all_at(&self.buffer, self.end);
            written.map_err(|error| self.failed(Operation::Write, &error))?;
            self.end += self.buffer.len() as u64;
            self.buffer.clear();
        }
        if self.setup.ahead && self.end > self.setup.segment_bytes / 2 {
            self.spares.prepare();
        }
        Ok(())
    }

    /// Makes everything that was pushed durable.
    pub(crate) fn sync(&mut self) -> Result<(), WriteError> {
        self.flush()?;
        if self.before_next == Before::Unsynced {
            self.file.sync_data().map_err(|error| self.failed(Operation::Sync, &error))?;
            self.before_next = Before::Synced;
        }
        Ok(())
    }

    fn position(&self) -> u64 {
        self.end + self.buffer.len() as u64
    }

    /// Where the next record begins, in bytes.
    fn next_start(&self) -> u64 {
        // Segments are smaller than 4 GiB.
        self.version.record_start(usize::try_from(self.position()).unwrap_or(usize::MAX)) as u64
    }

    fn roll(&mut self, first_sequence: u64) -> Result<(), WriteError> {
        // Damage in an earlier segment is never taken for a torn write, so a segment is durable before the next begins.
        self.sync()?;
        (self.file, self.path) = begin(&self.setup, &*self.storage, &mut self.spares, first_sequence)?;
        self.segment = first_sequence;
        self.version = Version::NEWEST;
        self.end = HEADER_BYTES as u64;
        Ok(())
    }

    fn failed(&self, operation: Operation, error: &std::io::Error) -> WriteError {
        WriteError::failed(&self.path, self.end, operation, error)
    }
}

fn begin<S: Storage>(
    setup: &Setup,
    storage: &S,
    spares: &mut Spares<S>,
    first_sequence: u64,
) -> Result<(S::File, PathBuf), WriteError> {
    let path = segment::path(&setup.dir, first_sequence);
    let mut spare = spares.take()?;
    let header = Header { version: Version::NEWEST, cluster: setup.cluster, first_sequence }.encode();
    let failed = |operation| {
        let path = path.clone();
        move |error| WriteError::failed(&path, 0, operation, &error)
    };
    spare.file.write_all_at(&header, 0).map_err(failed(Operation::Write))?;
    spare.file.sync_data().map_err(failed(Operation::Sync))?;
    storage.rename(&spare.path, &path).map_err(failed(Operation::Rename))?;
    storage.sync_dir(&setup.dir).map_err(failed(Operation::SyncDirectory))?;
    Ok((spare.file, path))
}

fn repair<F: StorageFile>(file: &mut F, tail: &Loaded, segment_bytes: u64) -> std::io::Result<()> {
    let (end, len) = (tail.cursor.offset, tail.bytes.len());
    // After a failed sync the page cache may hold bytes that the disk never got; only writing them again makes the
    // next sync store them. Everything before `synced_to` had its successful sync.
    let unsure = tail.bytes.get(tail.cursor.synced_to..end).unwrap_or_default();
    file.write_all_at(unsure, tail.cursor.synced_to as u64)?;
    let torn_to = tail.bytes.iter().rposition(|byte| *byte != 0).map_or(end, |last| (last + 1).max(end));
    spare::fill(file, end as u64, torn_to as u64)?;
    spare::fill(file, len as u64, segment_bytes)
}
