//! A replica's log for an auditor, entry by entry: offline, read-only, however long it is.
//!
//! Two passes over the segments. The first notes what was truncated later and how far the log is committed, the second
//! hands out the entries in force. One segment is held at a time, and a few numbers for each truncation that still matters.

use std::path::{Path, PathBuf};

use ridethrough_core::command::Position;
use ridethrough_raft_log::ReadError;
use ridethrough_raft_log::reader::{LogReader, Record};
use ridethrough_witness::{Hash, hash};

use crate::audit_read::{AuditContent, AuditReadError, EntryFault, mark, understand};
use crate::retention::log_reader;

/// What the first pass found.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The replica's directory, or where the segments lie.
    dir: PathBuf,
    /// The cluster whose log it is.
    pub cluster: [u8; 16],
    /// The highest index that this directory itself vouches for as committed.
    pub committed_index: Option<u64>,
    /// The first entry that was ever appended here; none in an empty log.
    pub first_index: Option<u64>,
    /// The last entry in force.
    pub last_index: Option<u64>,
    /// The last record that was there: a running replica writes on.
    last_sequence: u64,
    truncations: Truncations,
}

/// One entry in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamedEntry {
    /// Its term, leader and index.
    pub at: Position,
    /// What it carries.
    pub content: AuditContent,
    /// Its leaf in the log's tree (RFC 6962).
    pub leaf: Hash,
    /// How many bytes the log holds of it.
    pub bytes: usize,
}

/// Reads through the log of the replica whose directory is `dir`, or that lies in `dir` itself.
pub fn survey(dir: &Path) -> Result<Survey, AuditReadError> {
    let reader = log_reader(dir).map_err(AuditReadError::Read)?;
    let mut found = Survey {
        cluster: reader.cluster(),
        dir: dir.to_path_buf(),
        committed_index: None,
        first_index: None,
        last_index: None,
        last_sequence: 0,
        truncations: Truncations::default(),
    };
    for record in reader {
        let (place, record) = record.map_err(AuditReadError::Read)?;
        found.last_sequence = place.sequence;
        match record {
            Record::Entry { index, .. } => {
                found.first_index = Some(found.first_index.map_or(index, |first| first.min(index)));
                found.last_index = Some(index);
            }
            Record::TruncateAfter { index } => {
                found.truncations.add(place.sequence, index.map_or(0, |kept| kept.saturating_add(1)));
                found.last_index = found.last_index.min(index);
            }
            Record::Committed { payload } => {
                found.committed_index = found.committed_index.max(mark(&place, &payload)?);
            }
            Record::Vote { .. } | Record::Purge { .. } => {}
        }
    }
    Ok(found)
}

impl Survey {
    /// The entries in force, in order of their index.
    pub fn entries(&self) -> Result<Entries<'_>, AuditReadError> {
        let reader = log_reader(&self.dir).map_err(AuditReadError::Read)?;
        Ok(Entries { survey: self, reader, last: None, ended: false })
    }
}

/// The second pass. An error ends it.
#[derive(Debug)]
pub struct Entries<'a> {
    survey: &'a Survey,
    reader: LogReader,
    last: Option<u64>,
    ended: bool,
}

impl Entries<'_> {
    fn read(&mut self) -> Result<Option<StreamedEntry>, AuditReadError> {
        for record in self.reader.by_ref() {
            let (place, record) = record.map_err(AuditReadError::Read)?;
            if place.sequence > self.survey.last_sequence {
                break;
            }
            let Record::Entry { index, payload } = record else { continue };
            if !self.survey.truncations.spare(place.sequence, index) {
                continue;
            }
            let fault =
                |reason| AuditReadError::Entry { file: place.file.to_path_buf(), offset: place.offset, index, reason };
            if let Some(last) = self.last.filter(|last| *last >= index) {
                return Err(fault(EntryFault::OutOfOrder { after: last }));
            }
            self.last = Some(index);
            let (at, content) = understand(index, &payload).map_err(fault)?;
            return Ok(Some(StreamedEntry { at, content, leaf: hash::leaf(&payload), bytes: payload.len() }));
        }
        Ok(None)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<StreamedEntry, AuditReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read();
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// One entry as the log holds it; none when no entry in force has this index.
pub fn stored_entry(dir: &Path, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
    let mut found = None;
    for record in log_reader(dir)? {
        match record?.1 {
            Record::Entry { index: at, payload } if at == index => found = Some(payload),
            Record::TruncateAfter { index: kept } if kept.is_none_or(|kept| kept < index) => found = None,
            _ => {}
        }
    }
    Ok(found)
}

/// Which truncations still matter: those that no later one goes as far back as. Their ends rise, as do their places.
#[derive(Clone, Debug, Default)]
struct Truncations(Vec<(u64, u64)>);

impl Truncations {
    /// At this record, entries from `end` on were dropped.
    fn add(&mut self, sequence: u64, end: u64) {
        let kept = self.0.partition_point(|(_, earlier)| *earlier < end);
        self.0.truncate(kept);
        self.0.push((sequence, end));
    }

    /// Whether an entry that was appended at this record is still in force.
    fn spare(&self, sequence: u64, index: u64) -> bool {
        let later = self.0.partition_point(|(at, _)| *at < sequence);
        self.0.get(later).is_none_or(|(_, end)| index < *end)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use ridethrough_raft_log::{Log, LogConfig, LogEntry, SEGMENT_BYTES_DEFAULT};

    use super::*;
    use crate::audit_read::read_log;
    use crate::audit_tree::stored_bytes;
    use ridethrough_core::command::{Command, Entry, Plan, Seen, Stamp};
    use ridethrough_core::device::ReplicaId;

    fn bytes(term: u64, index: u64) -> Vec<u8> {
        let at = Position { term, leader: ReplicaId(1), index };
        let (seen, stamp) = (Seen { index: 0, hash: [0; 32] }, Stamp::default());
        let entry = Entry { stamp, by: ReplicaId(1), seen, command: Command::Plan(Plan::default()) };
        stored_bytes(at, entry).expect("an entry that can be stored")
    }

    fn append(log: &Log, term: u64, indexes: std::ops::Range<u64>) {
        let (done, written) = mpsc::channel();
        let batch = indexes.map(|index| LogEntry { index, payload: bytes(term, index) });
        log.append(batch.collect(), move |result| drop(done.send(result)));
        written.recv().expect("answered").expect("written");
    }

    fn truncate(log: &Log, kept: Option<u64>) {
        let (done, written) = mpsc::channel();
        log.truncate_after(kept, move |result| drop(done.send(result)));
        written.recv().expect("answered").expect("written");
    }

    /// Whatever is appended and truncated, both readers say the same.
    #[test]
    fn the_stream_gives_what_the_whole_log_gives() {
        let dir = tempfile::tempdir().expect("a directory");
        let config = LogConfig { dir: dir.path().join("log"), cluster: [7; 16], segment_bytes: SEGMENT_BYTES_DEFAULT };
        let log = Log::open(config).expect("opens");
        append(&log, 1, 0..20);
        truncate(&log, Some(14));
        append(&log, 2, 15..30);
        truncate(&log, Some(9));
        append(&log, 3, 10..25);
        truncate(&log, Some(19));
        append(&log, 4, 20..22);
        drop(log);
        let whole = read_log(dir.path()).expect("a log");
        let survey = survey(dir.path()).expect("a log");
        assert_eq!((survey.first_index, survey.last_index, survey.cluster), (Some(0), Some(21), [7; 16]));
        let streamed: Vec<StreamedEntry> = survey.entries().expect("a log").map(|one| one.expect("read")).collect();
        let terms: Vec<u64> = streamed.iter().map(|entry| entry.at.term).collect();
        assert_eq!(terms, [vec![1; 10], vec![3; 10], vec![4; 2]].concat());
        let both = streamed.iter().zip(&whole.entries);
        assert!(streamed.len() == whole.entries.len() && both.clone().all(|(one, other)| one.at == other.at));
        for entry in &streamed {
            let stored = stored_entry(dir.path(), entry.at.index).expect("a log").expect("there");
            assert_eq!((hash::leaf(&stored), stored.len()), (entry.leaf, entry.bytes));
        }
        assert_eq!(stored_entry(dir.path(), 22).expect("a log"), None, "was truncated");
    }
}
