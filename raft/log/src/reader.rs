//! Read-only access for auditors: every record that was ever written, in order.
//!
//! Works on a copied directory and while a replica is running; takes no lock and changes nothing. It sees the segments
//! that were there when it was opened. Where segments were removed ([`crate::retention`]) and no archive is named that has
//! them, it begins with the purge, the vote and the mark that stand for them.

use crate::error::ReadError;
use crate::format::HEADER_BYTES;
use crate::walk::Walk;
use std::collections::{BTreeMap, VecDeque};
use std::iter::FusedIterator;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::record::Record;

/// Most payload bytes that [`LogReader::surviving_entries`] gathers.
pub const SURVIVING_BYTES_MAX: usize = 2 << 30;

/// Where a record lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The segment.
    pub file: Arc<Path>,
    /// Where the record begins in it, in bytes.
    pub offset: u64,
    /// The record's number in the log; the first record has 1.
    pub sequence: u64,
}

/// An unfinished write at the end: of a crash, or of a replica that is writing right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The newest segment.
    pub file: Arc<Path>,
    /// Where the whole records end, in bytes.
    pub offset: u64,
    /// How many bytes of unfinished write follow.
    pub bytes: u64,
}

/// Iterates over every record of a log directory. An error ends the iteration.
pub struct LogReader {
    dir: PathBuf,
    walk: Walk,
    cluster: [u8; 16],
    /// What stands for segments that are not there, and is still to be told.
    base: VecDeque<(Position, Record)>,
    ended: bool,
}

impl LogReader {
    /// Opens the log in `dir`. Fails when it holds no segment or when the first one cannot be read.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, ReadError> {
        Self::over(dir.as_ref(), None)
    }

    /// Like [`LogReader::open`], with those segments from `archive` that `dir` no longer has. Fails when some are in
    /// neither.
    pub fn open_with_archive(dir: impl AsRef<Path>, archive: &Path) -> Result<Self, ReadError> {
        Self::over(dir.as_ref(), Some(archive))
    }

    fn over(dir: &Path, archive: Option<&Path>) -> Result<Self, ReadError> {
        let dir = dir.to_path_buf();
        let mut walk = Walk::new(&dir, archive, None)?;
        walk.start()?;
        let file: Arc<Path> = walk.base_file().into();
        let before = Position { file, offset: HEADER_BYTES as u64, sequence: walk.next_sequence() - 1 };
        let told = walk.base().into_iter().flat_map(|base| base.records.iter().cloned());
        let base = told.map(|record| (before.clone(), record)).collect();
        match walk.cluster() {
            Some(cluster) => Ok(Self { dir, walk, cluster, base, ended: false }),
            None => Err(ReadError::NoSegments { dir }),
        }
    }

    /// The id of the cluster whose log this is.
    pub fn cluster(&self) -> [u8; 16] {
        self.cluster
    }

    /// The unfinished write at the end of the log; known once the iteration has returned `None`.
    pub fn torn_tail(&self) -> Option<TornTail> {
        let (bytes, current) = (self.walk.torn_bytes() as u64, self.walk.current()?);
        let tail = TornTail { file: Arc::clone(&current.file), offset: current.cursor.offset as u64, bytes };
        if bytes == 0 { None } else { Some(tail) }
    }

    /// The entries in force: all that were appended and not truncated later, in order of their index.
    ///
    /// Purges are ignored, since the history stays. Where a purge went beyond the last entry (a snapshot was
    /// installed), the indexes have a gap, and entries before the gap that were never committed may be among the
    /// answer. Fails on damage, and when the payloads exceed [`SURVIVING_BYTES_MAX`].
    pub fn surviving_entries(mut self) -> Result<Vec<(u64, Vec<u8>, Position)>, ReadError> {
        let mut entries = BTreeMap::new();
        let mut bytes = 0usize;
        for record in &mut self {
            let (position, record) = record?;
            match record {
                Record::Entry { index, payload } => {
                    bytes += payload.len();
                    entries.insert(index, (payload, position));
                }
                Record::TruncateAfter { index } => {
                    let dropped = entries.split_off(&index.map_or(0, |kept| kept.saturating_add(1)));
                    bytes -= dropped.values().map(|(payload, _)| payload.len()).sum::<usize>();
                }
                Record::Vote { .. } | Record::Purge { .. } | Record::Committed { .. } => {}
            }
            if bytes > SURVIVING_BYTES_MAX {
                return Err(ReadError::TooLarge { dir: self.dir, bytes_max: SURVIVING_BYTES_MAX });
            }
        }
        Ok(entries.into_iter().map(|(index, (payload, position))| (index, payload, position)).collect())
    }
}

impl Iterator for LogReader {
    type Item = Result<(Position, Record), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if let Some(told) = self.base.pop_front() {
            return Some(Ok(told));
        }
        let next = self.walk.next().map(|found| {
            found.map(|(place, frame)| {
                let (file, offset) = (Arc::clone(place.file), place.offset as u64);
                (Position { file, offset, sequence: frame.sequence }, frame.record.to_owned())
            })
        });
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl FusedIterator for LogReader {}

impl std::fmt::Debug for LogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogReader").field("dir", &self.dir).finish_non_exhaustive()
    }
}
