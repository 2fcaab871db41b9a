//! Walks all records of a log directory in order, read-only; recovery and the offline reader share it.

use crate::error::{Operation, ReadError, Reason};
use crate::format::{BadHeader, FORMAT_VERSION, Frame, Header};
use crate::scan::{Cursor, Verdict};
use crate::segment::{self, FIRST_SEQUENCE};
use crate::version::Version;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The walk over one directory.
pub(crate) struct Walk {
    dir: PathBuf,
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
    pub(crate) first_sequence: u64,
    pub(crate) file: Arc<Path>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) cursor: Cursor,
}

/// Where a record lies.
pub(crate) struct Place<'a> {
    pub(crate) segment: u64,
    pub(crate) file: &'a Arc<Path>,
    pub(crate) offset: usize,
}

/// A replica that is running may be writing what is read, so what looks damaged is read again this many times.
const READS_MAX: usize = 8;

impl Walk {
    /// Lists `dir`. With a `cluster`, segments of any other are refused.
    pub(crate) fn new(dir: &Path, cluster: Option<[u8; 16]>) -> Result<Self, ReadError> {
        Ok(Self {
            dir: dir.to_path_buf(),
            ahead: segment::list(dir)?.into(),
            cluster,
            current: None,
            next_sequence: FIRST_SEQUENCE,
            ended: false,
            torn_bytes: 0,
        })
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
        Ok(Some((Place { segment: current.first_sequence, file: &current.file, offset }, frame)))
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
        let file: Arc<Path> = segment::path(&self.dir, first_sequence).into();
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
        let version = self.check_header(&file, &bytes, first_sequence)?;
        let cursor = Cursor::new(version, first_sequence);
        self.current = Some(Loaded { version, first_sequence, file, bytes, cursor });
        Ok(())
    }

    fn check_header(&mut self, file: &Path, bytes: &[u8], first_sequence: u64) -> Result<Version, ReadError> {
        let header = Header::parse(bytes).map_err(|bad| match bad {
            BadHeader::Damaged(reason) => corrupt(file, 0, reason),
            BadHeader::Newer { found } => {
                ReadError::NewerFormat { file: file.to_path_buf(), found, known: FORMAT_VERSION }
            }
        })?;
        let expected = *self.cluster.get_or_insert(header.cluster);
        if header.cluster != expected {
            return Err(ReadError::ForeignCluster { file: file.to_path_buf(), expected, found: header.cluster });
        }
        if header.first_sequence != first_sequence {
            return Err(corrupt(file, 28, Reason::Name { header: header.first_sequence }));
        }
        Ok(header.version)
    }
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
