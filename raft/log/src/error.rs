//! What can go wrong, each message with the file, the offset and what the operator can do next.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};

/// Why a log could not be opened. Nothing was modified, except with `Io` while the tail was being repaired.
#[derive(Debug)]
pub enum OpenError {
    /// `segment_bytes` is outside its limits.
    SegmentBytes {
        /// The configured size.
        found: u64,
        /// Smallest size allowed.
        bytes_min: u64,
        /// Largest size allowed.
        bytes_max: u64,
    },
    /// Another process (or another handle of this one) has the log open.
    Locked {
        /// The log's directory.
        dir: PathBuf,
    },
    /// Stored bytes are damaged in a place where no crash can have done it.
    Corrupt {
        /// The damaged segment.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: Reason,
    },
    /// The segment belongs to another cluster.
    ForeignCluster {
        /// The foreign segment.
        file: PathBuf,
        /// The cluster that was asked for.
        expected: [u8; 16],
        /// The cluster in the segment's header.
        found: [u8; 16],
    },
    /// The segment was written by a newer release.
    NewerFormat {
        /// The newer segment.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version this build reads.
        known: u32,
    },
    /// The operating system refused.
    Io {
        /// The file or directory concerned.
        file: PathBuf,
        /// What was attempted.
        operation: Operation,
        /// What the system answered.
        error: io::Error,
    },
}

/// Why a write was refused or lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// Indexes must follow each other without a gap. Nothing was written; the log goes on.
    Gap {
        /// The index the log expects next.
        expected: u64,
        /// The index it was given.
        found: u64,
    },
    /// A payload or a request is over its limit. Nothing was written; the log goes on.
    TooLarge {
        /// Size of the payload or request.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Too many entries are waiting to be purged. Nothing was written; the log goes on.
    TooManyEntries {
        /// The limit.
        entries_max: usize,
    },
    /// The truncation would reach into purged entries. Nothing was written; the log goes on.
    Purged {
        /// The entry that should have become the last.
        index: u64,
        /// The last purged entry.
        purged: u64,
    },
    /// The disk refused; the log has stopped for good.
    Failed {
        /// The segment concerned.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What was attempted.
        operation: Operation,
        /// What kind of refusal it was.
        kind: io::ErrorKind,
        /// What the system answered.
        detail: String,
    },
    /// The I/O thread ended before the request was served; whether it reached the disk is unknown.
    Stopped,
}

/// Why stored records could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// Stored bytes are damaged.
    Corrupt {
        /// The damaged segment.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: Reason,
    },
    /// One directory holds segments of two clusters.
    ForeignCluster {
        /// The foreign segment.
        file: PathBuf,
        /// The cluster of the segments before it.
        expected: [u8; 16],
        /// The cluster in this segment's header.
        found: [u8; 16],
    },
    /// The segment was written by a newer release.
    NewerFormat {
        /// The newer segment.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version this build reads.
        known: u32,
    },
    /// The directory holds no segment.
    NoSegments {
        /// The directory.
        dir: PathBuf,
    },
    /// The entries together are larger than one answer may be.
    TooLarge {
        /// The directory.
        dir: PathBuf,
        /// The limit.
        bytes_max: usize,
    },
    /// The operating system refused.
    Io {
        /// The file or directory concerned.
        file: PathBuf,
        /// What was attempted.
        operation: Operation,
        /// What the system answered.
        error: io::Error,
    },
}

/// What is wrong with stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The segment's header is damaged.
    Header,
    /// The file's name does not give the first sequence number of its header.
    Name {
        /// The sequence number in the header.
        header: u64,
    },
    /// The segment is larger than any that a log writes.
    Oversized,
    /// The record ends beyond the end of the file.
    CutShort,
    /// The length field is impossible.
    Length,
    /// The checksum does not match.
    Checksum,
    /// Zeros where a record should be, with data after them.
    Hole,
    /// Data in the bytes that are left free at the end of a sector.
    Between,
    /// The record kind is unknown.
    Kind {
        /// The kind found.
        found: u8,
    },
    /// The record's body does not fit its kind.
    Body,
    /// The sequence number is not the next one.
    Sequence {
        /// The next sequence number.
        expected: u64,
        /// The one found.
        found: u64,
    },
    /// The segment that should begin with this sequence number is not there.
    MissingSegment {
        /// The sequence number.
        first: u64,
    },
    /// The entry's index is not the next one.
    Index {
        /// The next index.
        expected: u64,
        /// The one found.
        found: u64,
    },
    /// Another record than the one that was written lies here.
    OtherRecord,
}

/// What was attempted on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the words of their messages")]
pub enum Operation {
    CreateDirectory,
    List,
    Lock,
    Create,
    Open,
    Read,
    Write,
    Sync,
    Rename,
    Remove,
    SyncDirectory,
    StartThread,
}

const REPAIR: &str = "nothing was modified: copy the directory away for the audit, check the disk, then rejoin this replica \
                      with an empty log directory so that it is filled from its peers";

impl OpenError {
    /// A write that failed while the tail was repaired or the first segment was begun.
    pub(crate) fn from_write(error: WriteError) -> Self {
        match error {
            WriteError::Failed { file, operation, kind, detail, .. } => {
                Self::Io { file, operation, error: io::Error::new(kind, detail) }
            }
            other => Self::Io { file: PathBuf::new(), operation: Operation::Write, error: io::Error::other(other) },
        }
    }
}

impl WriteError {
    pub(crate) fn failed(file: &Path, offset: u64, operation: Operation, error: &io::Error) -> Self {
        Self::Failed { file: file.to_path_buf(), offset, operation, kind: error.kind(), detail: error.to_string() }
    }
}

impl Display for OpenError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::SegmentBytes { found, bytes_min, bytes_max } => {
                write!(f, "a segment of {found} bytes is not allowed: configure {bytes_min} to {bytes_max} bytes")
            }
            Self::Locked { dir } => {
                write!(f, "{}: another process has this log open: stop it before starting a second one", dir.display())
            }
            Self::Corrupt { file, offset, reason } => {
                write!(f, "{} at offset {offset}: {reason}; {REPAIR}", file.display())
            }
            Self::ForeignCluster { file, expected, found } => foreign(f, file, *expected, *found),
            Self::NewerFormat { file, found, known } => newer(f, file, *found, *known),
            Self::Io { file, operation, error } => {
                write!(f, "{}: cannot {operation}: {error}; ", file.display())?;
                f.write_str("check the disk and the permissions of the log directory, then start the replica again")
            }
        }
    }
}

impl Display for WriteError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { expected, found } => write!(
                f,
                "entry {found} was refused because entry {expected} comes next: report this as a defect, the log is unharmed"
            ),
            Self::TooLarge { bytes, bytes_max } => {
                write!(f, "{bytes} bytes were refused, the limit is {bytes_max}: send smaller commands")
            }
            Self::TooManyEntries { entries_max } => {
                write!(f, "the log holds {entries_max} entries that were never purged: take a snapshot and purge")
            }
            Self::Purged { index, purged } => write!(
                f,
                "truncating after entry {index} was refused, entries up to {purged} are purged: report this as a defect"
            ),
            Self::Failed { file, offset, operation, detail, .. } => {
                write!(f, "{} at offset {offset}: cannot {operation}: {detail}; ", file.display())?;
                f.write_str("the log has stopped for good: free or replace the disk, then start the replica again")
            }
            Self::Stopped => f.write_str(
                "the log's I/O thread has ended and this request may or may not be stored: start the replica again",
            ),
        }
    }
}

impl Display for ReadError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { file, offset, reason } => {
                write!(f, "{} at offset {offset}: {reason}; ", file.display())?;
                f.write_str("compare this file with the copies of the other replicas and check the disk")
            }
            Self::ForeignCluster { file, expected, found } => foreign(f, file, *expected, *found),
            Self::NewerFormat { file, found, known } => newer(f, file, *found, *known),
            Self::NoSegments { dir } => {
                write!(f, "{}: no log segment here: give the directory that holds log-*.seg", dir.display())
            }
            Self::TooLarge { dir, bytes_max } => {
                write!(f, "{}: the entries exceed {bytes_max} bytes: read them one by one", dir.display())
            }
            Self::Io { file, operation, error } => {
                write!(f, "{}: cannot {operation}: {error}; check the path and its permissions", file.display())
            }
        }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the segment header is damaged"),
            Self::Name { header } => write!(f, "the file name does not match its first sequence number {header}"),
            Self::Oversized => f.write_str("the segment is larger than any this log writes"),
            Self::CutShort => f.write_str("the record ends beyond the end of the file"),
            Self::Length => f.write_str("the record has an impossible length"),
            Self::Checksum => f.write_str("the record fails its checksum"),
            Self::Hole => f.write_str("there are zeros in place of a record, with data after them"),
            Self::Between => f.write_str("there is data between two records"),
            Self::Kind { found } => write!(f, "the record has the unknown kind {found}"),
            Self::Body => f.write_str("the record's body does not fit its kind"),
            Self::Sequence { expected, found } => write!(f, "record {found} lies where record {expected} belongs"),
            Self::MissingSegment { first } => write!(f, "the segment that begins with record {first} is missing"),
            Self::Index { expected, found } => write!(f, "entry {found} follows where entry {expected} belongs"),
            Self::OtherRecord => f.write_str("another record than the one written lies here"),
        }
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateDirectory => "create the directory",
            Self::List => "list the directory",
            Self::Lock => "lock the directory",
            Self::Create => "create the file",
            Self::Open => "open the file",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove the file",
            Self::SyncDirectory => "sync the directory",
            Self::StartThread => "start the I/O thread",
        })
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for OpenError {}

impl std::error::Error for WriteError {}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for ReadError {}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { file, offset, reason } => Self::Corrupt { file, offset, reason },
            ReadError::ForeignCluster { file, expected, found } => Self::ForeignCluster { file, expected, found },
            ReadError::NewerFormat { file, found, known } => Self::NewerFormat { file, found, known },
            ReadError::Io { file, operation, error } => Self::Io { file, operation, error },
            ReadError::NoSegments { dir: file } | ReadError::TooLarge { dir: file, .. } => {
                Self::Corrupt { file, offset: 0, reason: Reason::MissingSegment { first: 1 } }
            }
        }
    }
}

fn foreign(f: &mut Formatter<'_>, file: &Path, expected: [u8; 16], found: [u8; 16]) -> fmt::Result {
    let (found, expected) = (u128::from_be_bytes(found), u128::from_be_bytes(expected));
    write!(
        f,
        "{} at offset 12: this segment belongs to cluster {found:032x}, not to {expected:032x}; ",
        file.display()
    )?;
    f.write_str("point the replica at its own log directory")
}

fn newer(f: &mut Formatter<'_>, file: &Path, found: u32, known: u32) -> fmt::Result {
    write!(f, "{} at offset 8: format version {found} is newer than {known}; ", file.display())?;
    f.write_str("start the release that wrote it, or a later one")
}
