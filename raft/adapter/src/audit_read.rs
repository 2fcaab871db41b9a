//! Reads a replica's log for an auditor: offline, read-only, from the replica's directory or a copy of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openraft::EntryPayload;
use ridethrough_core::command::{Entry, Position};
use ridethrough_raft_log::ReadError;
use ridethrough_raft_log::reader::{LogReader, Position as Place, Record};

use crate::codec::CodecError;
use crate::codec::entry::decode_entry;
use crate::codec::vote::decode_mark;
use crate::retention::log_reader;
use crate::type_config::{Proposal, position};

/// What one replica's log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLog {
    /// The cluster whose log it is.
    pub cluster: [u8; 16],
    /// Entries in force, in order of their index. Where a replica caught up by a snapshot, indexes are missing.
    pub entries: Vec<AuditEntry>,
    /// The highest index that this directory itself vouches for as committed: the last that its replica saved.
    /// Entries after it may be committed or not; only another replica's log can tell.
    pub committed_index: Option<u64>,
}

/// One entry in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its term, leader and index.
    pub at: Position,
    /// What it carries.
    pub content: AuditContent,
    /// The segment in which it lies.
    pub file: Arc<Path>,
    /// Where in it, in bytes.
    pub offset: u64,
}

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditContent {
    /// What the ledger applies.
    Entry(Box<Entry>),
    /// Nothing: a new leader's first entry.
    Blank,
    /// The members of the cluster and their addresses, for people.
    Membership(String),
}

/// Why a log cannot be read.
#[derive(Debug)]
pub enum AuditReadError {
    /// The segments cannot be read.
    Read(ReadError),
    /// An entry cannot be understood.
    Entry {
        /// The segment.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// The entry's index.
        index: u64,
        /// What is wrong.
        reason: EntryFault,
    },
    /// A committed mark cannot be decoded.
    Mark {
        /// The segment.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// Why.
        error: CodecError,
    },
}

/// What is wrong with an entry whose checksum fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryFault {
    /// It cannot be decoded.
    Undecodable(CodecError),
    /// It calls itself by another index.
    OtherIndex {
        /// Which.
        found: u64,
    },
    /// Its leader cannot be a replica.
    BadLeader,
    /// It stands after an entry with the same index or a higher one.
    OutOfOrder {
        /// The index of that one.
        after: u64,
    },
}

impl AuditLog {
    /// The entries that this directory vouches for.
    pub fn committed(&self) -> impl Iterator<Item = &AuditEntry> {
        self.entries.iter().filter(|entry| Some(entry.at.index) <= self.committed_index)
    }
}

/// Reads the log of the replica whose directory is `dir`, or that lies in `dir` itself.
pub fn read_log(dir: &Path) -> Result<AuditLog, AuditReadError> {
    let reader = log_reader(dir).map_err(AuditReadError::Read)?;
    let cluster = reader.cluster();
    let committed_index = committed_index(reader)?;
    // Read again rather than gathered in one pass: the reader knows how truncations work.
    let entries = log_reader(dir).and_then(LogReader::surviving_entries).map_err(AuditReadError::Read)?;
    let entries = entries.into_iter().map(|(index, payload, place)| {
        let (file, offset) = (place.file, place.offset);
        let understood = understand(index, &payload);
        understood
            .map(|(at, content)| AuditEntry { at, content, file: Arc::clone(&file), offset })
            .map_err(|reason| AuditReadError::Entry { file: file.to_path_buf(), offset, index, reason })
    });
    Ok(AuditLog { cluster, entries: entries.collect::<Result<_, _>>()?, committed_index })
}

/// What the bytes of an entry say, in a line for people.
pub fn describe_entry(index: u64, bytes: &[u8]) -> Result<String, EntryFault> {
    let (at, content) = understand(index, bytes)?;
    let what = match content {
        AuditContent::Entry(entry) => Proposal(*entry).to_string(),
        AuditContent::Blank => "nothing, as a new leader begins".into(),
        AuditContent::Membership(members) => format!("membership {members}"),
    };
    Ok(format!("{what}, term {}, led by {}", at.term, at.leader))
}

fn committed_index(reader: LogReader) -> Result<Option<u64>, AuditReadError> {
    let mut highest = None;
    for record in reader {
        let (place, record) = record.map_err(AuditReadError::Read)?;
        if let Record::Committed { payload } = record {
            highest = highest.max(mark(&place, &payload)?);
        }
    }
    Ok(highest)
}

/// The index up to which a committed mark vouches.
pub(crate) fn mark(place: &Place, payload: &[u8]) -> Result<Option<u64>, AuditReadError> {
    let bad = |error| AuditReadError::Mark { file: place.file.to_path_buf(), offset: place.offset, error };
    Ok(decode_mark(payload).map_err(bad)?.committed.map(|id| id.index))
}

pub(crate) fn understand(index: u64, payload: &[u8]) -> Result<(Position, AuditContent), EntryFault> {
    let entry = decode_entry(payload).map_err(EntryFault::Undecodable)?;
    let at = position(&entry.log_id).ok_or(EntryFault::BadLeader)?;
    if at.index != index {
        return Err(EntryFault::OtherIndex { found: at.index });
    }
    let content = match entry.payload {
        EntryPayload::Blank => AuditContent::Blank,
        EntryPayload::Normal(proposal) => AuditContent::Entry(Box::new(proposal.0)),
        EntryPayload::Membership(membership) => AuditContent::Membership(membership.to_string()),
    };
    Ok((at, content))
}

impl fmt::Display for AuditReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Entry { file, offset, index, reason } => {
                write!(f, "{} at offset {offset}: entry {index} {reason}", file.display())
            }
            Self::Mark { file, offset, error } => {
                write!(f, "{} at offset {offset}: the committed mark {error}", file.display())
            }
        }
    }
}

impl fmt::Display for EntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable(error) => error.fmt(f),
            Self::OtherIndex { found } => write!(f, "calls itself entry {found}"),
            Self::BadLeader => f.write_str("names a leader that is no replica"),
            Self::OutOfOrder { after } => write!(f, "stands after entry {after}"),
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for AuditReadError {}
