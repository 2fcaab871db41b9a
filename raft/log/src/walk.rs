//! Walks all records of a log directory in order, read-only; recovery and the offline reader share it.

use crate::base::{self, Base};
use crate::error::{Operation, ReadError, Reason};
use crate::format::{BadHeader, FORMAT_VERSION, Frame, Header};
use crate::scan::{Cursor, Verdict};
use crate::segment::{self, FIRST_SEQUENCE};
use crate::version::Version;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The walk over one directory, and over an archive of what was there before.
pub(crate) struct Walk {
    dir: PathBuf,
    /// Where the segments lie that the directory's base stands for.
    archive: Option<PathBuf>,
    /// What stands for the segments before the first that is walked.
    base: Option<Base>,
    /// The segments that were there when the walk began and are still to come; later ones are not visited.
    ahead: VecDeque<u64>,
    cluster: Option<[u8; 16]>,
    current: Option<Loaded>,
    next_sequence: u64,
    ended: bool,
    torn_bytes: usize,
}

/// The segment being walked.
pub(crate) struct Loaded {
    pub(crate) version: Version,
    pub(crate) cluster: [u8; 16],
    pub(crate) first_sequence: u64,
    pub(crate) file: Arc<Path>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) cursor: Cursor,
}

/// Where a record lies.
pub(crate) struct Place<'a> {
    pub(crate) segment: u64,
    pub(crate) cluster: [u8; 16],
    pub(crate) file: &'a Arc<Path>,
    pub(crate) offset: usize,
}

/// A replica that is running may be writing what is read, so what looks damaged is read again this many times.
const READS_MAX: usize = 8;

impl Walk {
    /// Lists `dir`. With a `cluster`, segments of any other are refused. With an `archive`, the walk begins with what
    /// lies there of the segments that `dir` no longer has.
    pub(crate) fn new(dir: &Path, archive: Option<&Path>, cluster: Option<[u8; 16]>) -> Result<Self, ReadError> {
        let base = Base::read(dir)?;
        let mut walk = Self::behind(dir, base, cluster)?;
        let Some(archive) = archive.filter(|_| walk.base.is_some()) else { return Ok(walk) };
        let before = Self::behind(archive, Base::read(archive)?, cluster)?;
        let archived = before.ahead.into_iter().filter(|first| *first < walk.next_sequence);
        walk.ahead = archived.chain(walk.ahead).collect();
        (walk.base, walk.next_sequence) = (before.base, before.next_sequence);
        walk.archive = Some(archive.to_path_buf());
        Ok(walk)
    }

    /// The walk over the segments of `dir` that `base` does not stand for.
    pub(crate) fn behind(dir: &Path, base: Option<Base>, cluster: Option<[u8; 16]>) -> Result<Self, ReadError> {
        let next_sequence = base.as_ref().map_or(FIRST_SEQUENCE, |base| base.first_sequence);
        let (found, file) = (base.as_ref().map(|base| base.cluster), base::path(dir));
        if let (Some(expected), Some(found)) = (cluster, found.filter(|found| Some(*found) != cluster)) {
            return Err(ReadError::ForeignCluster { file, expected, found });
        }
        let mut ahead: VecDeque<u64> = segment::list(dir)?.into();
        if base.is_some() {
            // What is older was about to be removed when a crash came.
            ahead.retain(|first| *first >= next_sequence);
            if ahead.front() != Some(&next_sequence) {
                let file = segment::path(dir, next_sequence);
                return Err(corrupt(&file, 0, Reason::MissingSegment { first: next_sequence }));
            }
        }
        let (dir, cluster) = (dir.to_path_buf(), cluster.or(found));
        Ok(Self { dir, archive: None, base, ahead, cluster, current: None, next_sequence, ended: false, torn_bytes: 0 })
    }

    /// The next record, or `None` at the end of the log. After an error the walk is over.
    pub(crate) fn next(&mut self) -> Result<Option<(Place<'_>, Frame<'_>)>, ReadError> {
        // The borrow of a record must not outlive this call, so the step is taken first and the record parsed after.
        let offset = match self.step() {
            Ok(Some(offset)) => offset,
            Ok(None) => {
                self.ended = true;
                return Ok(None);
            }
            Err(error) => {
                self.ended = true;
                return Err(error);
            }
        };
        let Some(current) = &self.current else { return Ok(None) };
        let frame = Frame::parse(current.bytes.get(offset..).unwrap_or_default());
        let frame = frame.map_err(|reason| corrupt(&current.file, offset, reason))?;
        let Loaded { first_sequence: segment, cluster, file, .. } = current;
        Ok(Some((Place { segment: *segment, cluster: *cluster, file, offset }, frame)))
    }

    /// What stands for the segments before the first that is walked.
    pub(crate) fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// Where that lies.
    pub(crate) fn base_file(&self) -> PathBuf {
        base::path(self.archive.as_ref().unwrap_or(&self.dir))
    }

    /// The cluster of the segments seen so far, or the one asked for.
    pub(crate) fn cluster(&self) -> Option<[u8; 16]> {
        self.cluster
    }

    /// Opens the first segment when none is open yet.
    pub(crate) fn start(&mut self) -> Result<(), ReadError> {
        if self.current.is_none() { self.open_next() } else { Ok(()) }
    }

    /// How many bytes a crash left unfinished at the end; known once `next` has returned `None`.
    pub(crate) fn torn_bytes(&self) -> usize {
        self.torn_bytes
    }

    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The segment where the walk stands.
    pub(crate) fn current(&self) -> Option<&Loaded> {
        self.current.as_ref()
    }

    pub(crate) fn into_current(self) -> Option<Loaded> {
        self.current
    }

    /// Advances by one record and says at which offset of the current segment it lies.
    fn step(&mut self) -> Result<Option<usize>, ReadError> {
        while !self.ended {
            let last = self.ahead.is_empty();
            let Some(current) = &mut self.current else {
                if last {
                    return Ok(None);
                }
                self.open_next()?;
                continue;
            };
            match current.cursor.next(&current.bytes).map(|found| found.map(|(offset, _)| offset)) {
                Ok(Some(offset)) => {
                    self.next_sequence = current.cursor.sequence;
                    return Ok(Some(offset));
                }
                Ok(None) if last => return Ok(None),
                Ok(None) => self.open_next()?,
                Err(reason) if last => match current.settle(reason)? {
                    Settled::Torn(bytes) => {
                        self.torn_bytes = bytes;
                        return Ok(None);
                    }
                    Settled::Changed => {}
                },
                Err(reason) => return Err(corrupt(&current.file, current.cursor.offset, reason)),
            }
        }
        Ok(None)
    }

    fn open_next(&mut self) -> Result<(), ReadError> {
        let first_sequence = self.next_sequence;
        let file: Arc<Path> = self.place_of(first_sequence).into();
        match self.ahead.front() {
            None => return Ok(()),
            Some(listed) if *listed == first_sequence => {
                self.ahead.pop_front();
            }
            // A listing made while a replica rolls segments may miss one, so the file itself decides.
            Some(listed) if *listed > first_sequence && file.exists() => {}
            Some(listed) if *listed > first_sequence => {
                return Err(corrupt(&file, 0, Reason::MissingSegment { first: first_sequence }));
            }
            Some(listed) => {
                let overlap = Reason::Sequence { expected: first_sequence, found: *listed };
                return Err(corrupt(&segment::path(&self.dir, *listed), 0, overlap));
            }
        }
        let bytes = segment::load(&file)?;
        let Header { version, cluster, .. } = self.check_header(&file, &bytes, first_sequence)?;
        let cursor = Cursor::new(version, first_sequence);
        self.current = Some(Loaded { version, cluster, first_sequence, file, bytes, cursor });
        Ok(())
    }

    /// Where a segment lies: in the archive only if the directory does not have it.
    fn place_of(&self, first_sequence: u64) -> PathBuf {
        let own = segment::path(&self.dir, first_sequence);
        let archived = self.archive.as_ref().map(|archive| segment::path(archive, first_sequence));
        archived.filter(|file| !own.exists() && file.exists()).unwrap_or(own)
    }

    fn check_header(&mut self, file: &Path, bytes: &[u8], first_sequence: u64) -> Result<Header, ReadError> {
        let header = known_header(file, bytes)?;
        let expected = *self.cluster.get_or_insert(header.cluster);
        if header.cluster != expected {
            return Err(ReadError::ForeignCluster { file: file.to_path_buf(), expected, found: header.cluster });
        }
        if header.first_sequence != first_sequence {
            return Err(corrupt(file, 28, Reason::Name { header: header.first_sequence }));
        }
        Ok(header)
    }
}

/// The header that `bytes` begin with, of a version that this build knows.
pub(crate) fn known_header(file: &Path, bytes: &[u8]) -> Result<Header, ReadError> {
    Header::parse(bytes).map_err(|bad| match bad {
        BadHeader::Damaged(reason) => corrupt(file, 0, reason),
        BadHeader::Newer { found } => ReadError::NewerFormat { file: file.to_path_buf(), found, known: FORMAT_VERSION },
    })
}

/// What became of a bad record in the last segment.
enum Settled {
    Torn(usize),
    /// The file has changed meanwhile; look again.
    Changed,
}

impl Loaded {
    fn settle(&mut self, reason: Reason) -> Result<Settled, ReadError> {
        if let Verdict::Torn { bytes } = self.cursor.judge(&self.bytes, reason) {
            return Ok(Settled::Torn(bytes));
        }
        for _ in 0..READS_MAX {
            let again = segment::load(&self.file)?;
            if again == self.bytes {
                break;
            }
            self.bytes = again;
            match { self.cursor }.next(&self.bytes) {
                Ok(_) => return Ok(Settled::Changed),
                Err(reason) => {
                    if let Verdict::Torn { bytes } = self.cursor.judge(&self.bytes, reason) {
                        return Ok(Settled::Torn(bytes));
                    }
                }
            }
        }
        Err(corrupt(&self.file, self.cursor.offset, reason))
    }
}

pub(crate) fn corrupt(file: &Path, offset: usize, reason: Reason) -> ReadError {
    ReadError::Corrupt { file: file.to_path_buf(), offset: offset as u64, reason }
}

pub(crate) fn io_error(file: &Path, operation: Operation) -> impl FnOnce(std::io::Error) -> ReadError {
    move |error| ReadError::Io { file: file.to_path_buf(), operation, error }
}
