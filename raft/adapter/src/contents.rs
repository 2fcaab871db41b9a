//! What a replica's folder holds, and a log that is made to go on above what devices obeyed: for backups, offline.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use openraft::EntryPayload;
use ridethrough_core::device::Fence;
use ridethrough_raft_log::reader::{LogReader, Record};
use ridethrough_raft_log::{Log, LogConfig, LogEntry, OpenError, ReadError, SEGMENT_BYTES_DEFAULT, WriteError};

use crate::codec::CodecError;
use crate::codec::entry::encode_entry;
use crate::codec::vote::{decode_mark, decode_vote, encode_vote};
use crate::error::SnapshotError;
use crate::leader_id::{Elected, LeaderId};
use crate::replica::{LOG_DIR, SNAPSHOT_DIR};
use crate::snapshot;
use crate::type_config::{LogEntry as Stored, LogId, Vote};

/// At most so many entries without content are put into a log.
pub const FILLED_MAX: u64 = 10_000_000;
/// Entries of one append.
const BATCH: u64 = 4_096;

/// What a replica's folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The cluster whose log it is.
    pub cluster: [u8; 16],
    /// The first entry that is there; a replica that was filled by a snapshot lacks those before.
    pub first_index: Option<u64>,
    /// The last entry.
    pub last_index: Option<u64>,
    /// The last entry that the folder itself vouches for as committed.
    pub committed_index: Option<u64>,
    /// The highest term that it has voted in.
    pub term: u64,
    /// What the snapshot goes up to; none when there is no snapshot.
    pub snapshot_index: Option<u64>,
}

/// Why a folder cannot be used.
#[derive(Debug)]
pub enum ContentsError {
    /// The log cannot be read.
    Read(ReadError),
    /// A record cannot be understood.
    Record {
        /// The segment.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// Why.
        error: CodecError,
    },
    /// The snapshot cannot be read.
    Snapshot(SnapshotError),
    /// Entries are purged that no snapshot holds.
    Gap {
        /// Up to where.
        purged: u64,
    },
    /// The log cannot be opened.
    Open(OpenError),
    /// The log takes no writes.
    Write(WriteError),
    /// More entries would be needed than are ever put in.
    TooFar {
        /// How many.
        entries: u64,
    },
    /// What would be written cannot be encoded.
    Unstorable(CodecError),
}

/// Reads what the folder of a replica holds; verifies every checksum on the way, and changes nothing.
pub fn contents(dir: &Path) -> Result<Contents, ContentsError> {
    let reader = LogReader::open(dir.join(LOG_DIR)).map_err(ContentsError::Read)?;
    let cluster = reader.cluster();
    let mut found =
        Contents { cluster, first_index: None, last_index: None, committed_index: None, term: 0, snapshot_index: None };
    let mut purged = None;
    for record in reader {
        let (place, record) = record.map_err(ContentsError::Read)?;
        let bad = |error| ContentsError::Record { file: place.file.to_path_buf(), offset: place.offset, error };
        match record {
            Record::Entry { index, .. } => {
                found.first_index = Some(found.first_index.map_or(index, |first| first.min(index)));
                found.last_index = Some(index);
            }
            Record::TruncateAfter { index } => found.last_index = index,
            Record::Vote { payload } => found.term = found.term.max(decode_vote(&payload).map_err(bad)?.leader_id.term),
            Record::Committed { payload } => {
                let index = decode_mark(&payload).map_err(bad)?.committed.map(|id| id.index);
                found.committed_index = found.committed_index.max(index);
            }
            Record::Purge { index } => purged = purged.max(Some(index)),
        }
    }
    found.snapshot_index = snapshot::index(&dir.join(SNAPSHOT_DIR), cluster).map_err(ContentsError::Snapshot)?;
    match purged.filter(|_| found.snapshot_index < purged) {
        Some(purged) => Err(ContentsError::Gap { purged }),
        None => Ok(found),
    }
}

/// Fills the log with entries that carry nothing, so that whatever is appended next stands above `fence`: devices obey no
/// term and no index below what they obeyed last. Done alike on copies of one folder, it leaves them alike. Returns how
/// many entries were put in.
pub fn fill_above(dir: &Path, fence: Fence) -> Result<u64, ContentsError> {
    let found = contents(dir)?;
    let next = found.last_index.max(found.snapshot_index).map_or(0, |last| last.saturating_add(1));
    let entries = fence.index.saturating_add(1).saturating_sub(next);
    if entries > FILLED_MAX {
        return Err(ContentsError::TooFar { entries });
    }
    let config = LogConfig { dir: dir.join(LOG_DIR), cluster: found.cluster, segment_bytes: SEGMENT_BYTES_DEFAULT };
    let log = Log::open(config).map_err(ContentsError::Open)?;
    let voted = log.state().vote.as_deref().map(decode_vote).transpose().map_err(ContentsError::Unstorable)?;
    let leader = LeaderId {
        term: found.term.max(fence.term).saturating_add(1),
        // Whoever it names: nobody led this term, and nobody will.
        node: voted.map_or(1, |vote| vote.leader_id.node),
    };
    let vote = encode_vote(&Vote { leader_id: leader, committed: true }).map_err(ContentsError::Unstorable)?;
    let (done, written) = mpsc::channel();
    let told = done.clone();
    log.save_vote(vote, move |result| drop(told.send(result)));
    finished(&written)?;
    let elected = Elected { term: leader.term, node: leader.node };
    for begin in (next..next + entries).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        let batch = (begin..(begin + BATCH).min(next + entries)).map(|index| blank(elected, index));
        let batch = batch.collect::<Result<Vec<_>, _>>().map_err(ContentsError::Unstorable)?;
        let told = done.clone();
        log.append(batch, move |result| drop(told.send(result)));
        finished(&written)?;
    }
    Ok(entries)
}

fn blank(elected: Elected, index: u64) -> Result<LogEntry, CodecError> {
    let entry = Stored { log_id: LogId::new(elected, index), payload: EntryPayload::Blank };
    Ok(LogEntry { index, payload: encode_entry(&entry)? })
}

/// The log calls back once for every request, so this cannot hang.
fn finished(written: &mpsc::Receiver<Result<(), WriteError>>) -> Result<(), ContentsError> {
    written.recv().unwrap_or(Err(WriteError::Stopped)).map_err(ContentsError::Write)
}

impl Display for ContentsError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Record { file, offset, error } => {
                write!(f, "{} at offset {offset}: the record {error}", file.display())
            }
            Self::Snapshot(error) => error.fmt(f),
            Self::Gap { purged } => write!(f, "entries up to {purged} are purged, and no snapshot holds them"),
            Self::Open(error) => error.fmt(f),
            Self::Write(error) => write!(f, "the log takes no writes: {error}"),
            Self::TooFar { entries } => {
                write!(f, "{entries} entries lie between the log and that index, at most {FILLED_MAX} are put in")
            }
            Self::Unstorable(error) => write!(f, "the entry {error}"),
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for ContentsError {}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::codec::entry::decode_entry;

    const CLUSTER: [u8; 16] = [7; 16];
    /// Entries that are there before, all of term 3.
    const ENTRIES: u64 = 5;

    fn open(dir: &Path) -> Log {
        let config = LogConfig { dir: dir.join(LOG_DIR), cluster: CLUSTER, segment_bytes: SEGMENT_BYTES_DEFAULT };
        Log::open(config).expect("opens")
    }

    fn answered(call: impl FnOnce(Box<dyn FnOnce(Result<(), WriteError>) + Send>)) {
        let (done, written) = mpsc::channel();
        call(Box::new(move |result| drop(done.send(result))));
        finished(&written).expect("written");
    }

    /// A replica's directory: what n2 had in term 3.
    fn folder() -> TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let log = open(dir.path());
        let vote = Vote { leader_id: LeaderId { term: 3, node: 2 }, committed: true };
        answered(|done| log.save_vote(encode_vote(&vote).expect("encodes"), done));
        let entries = (0..ENTRIES).map(|index| blank(Elected { term: 3, node: 2 }, index).expect("encodes"));
        answered(|done| log.append(entries.collect(), done));
        dir
    }

    /// Term and index of every entry.
    fn ids(dir: &Path) -> Vec<(u64, u64)> {
        let records = LogReader::open(dir.join(LOG_DIR)).expect("opens").map(|record| record.expect("healthy").1);
        let ids = records.filter_map(|record| match record {
            Record::Entry { payload, .. } => Some(decode_entry(&payload).expect("an entry").log_id),
            _ => None,
        });
        ids.map(|id| (id.leader_id.term, id.index)).collect()
    }

    fn bytes(dir: &Path) -> Vec<Vec<u8>> {
        let files = fs::read_dir(dir.join(LOG_DIR)).expect("lists").map(|file| file.expect("listed").path());
        let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|end| end == "seg")).collect();
        files.sort();
        files.iter().map(|file| fs::read(file).expect("reads")).collect()
    }

    #[test]
    fn what_is_appended_next_stands_above_what_devices_obeyed() {
        let (dir, fence) = (folder(), Fence { term: 8, index: 9_000 });
        assert_eq!(fill_above(dir.path(), fence).expect("filled"), fence.index + 1 - ENTRIES);
        let found = contents(dir.path()).expect("reads");
        assert_eq!((found.last_index, found.term), (Some(fence.index), fence.term + 1));
        let ids = ids(dir.path());
        assert!(ids.iter().map(|(_, index)| *index).eq(0..=fence.index), "without a gap");
        let kept = usize::try_from(ENTRIES).expect("few");
        assert!(ids[..kept].iter().all(|(term, _)| *term == 3), "what was there is as it was");
        assert!(ids[kept..].iter().all(|(term, _)| *term == fence.term + 1));
    }

    /// A term that nobody has led yet, whichever of log and devices knows the higher one.
    #[test]
    fn a_log_that_reaches_far_enough_gets_a_new_term_and_no_entry() {
        for (fence_term, expected) in [(1, 4), (3, 4), (8, 9)] {
            let dir = folder();
            let fence = Fence { term: fence_term, index: ENTRIES - 1 };
            assert_eq!(fill_above(dir.path(), fence).expect("filled"), 0);
            let found = contents(dir.path()).expect("reads");
            assert_eq!((found.last_index, found.term), (Some(ENTRIES - 1), expected));
        }
        let dir = folder();
        assert_eq!(fill_above(dir.path(), Fence { term: 1, index: ENTRIES }).expect("filled"), 1);
    }

    #[test]
    fn copies_that_are_filled_alike_stay_alike() {
        let (one, other) = (folder(), folder());
        assert_eq!(bytes(one.path()), bytes(other.path()));
        for dir in [&one, &other] {
            fill_above(dir.path(), Fence { term: 5, index: 100 }).expect("filled");
        }
        assert_eq!(ids(one.path()), ids(other.path()));
        assert_eq!(bytes(one.path()), bytes(other.path()));
    }

    #[test]
    fn an_absurd_fence_is_refused_and_changes_nothing() {
        let dir = folder();
        let before = bytes(dir.path());
        for index in [ENTRIES + FILLED_MAX, u64::MAX] {
            let refused = fill_above(dir.path(), Fence { term: 5, index }).expect_err("too far");
            assert!(matches!(refused, ContentsError::TooFar { entries } if entries > FILLED_MAX), "{refused}");
        }
        assert_eq!(bytes(dir.path()), before);
    }

    #[test]
    fn entries_that_no_snapshot_holds_are_missed() {
        let dir = folder();
        let log = open(dir.path());
        answered(|done| log.purge_to(2, done));
        drop(log);
        let before = bytes(dir.path());
        assert!(matches!(contents(dir.path()), Err(ContentsError::Gap { purged: 2 })));
        let refused = fill_above(dir.path(), Fence { term: 8, index: 50 }).expect_err("a gap");
        assert_eq!(refused.to_string(), "entries up to 2 are purged, and no snapshot holds them");
        assert_eq!(bytes(dir.path()), before);
    }
}
