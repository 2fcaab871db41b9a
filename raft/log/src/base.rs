//! What still holds of segments that are no longer there: the file `base`, which stands for them when the log is opened.
//!
//! ```text
//!  base    header as of a segment, with the first sequence of the oldest segment that is kept
//!          records that held before it: Purge (up to the entry before its first), Vote, Committed, TruncateAfter (that entry)
//! ```
//!
//! Records are framed as in a segment; their sequence counts down to 0, so that a file which was cut short is noticed.

use crate::error::{Operation, ReadError, Reason};
use crate::format::{Before, Frame, HEADER_BYTES, Header, encode_frame};
use crate::record::Record;
use crate::shared::State;
use crate::version::Version;
use crate::walk::{corrupt, io_error, known_header};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

/// Where a log goes on, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) cluster: [u8; 16],
    /// Of the oldest segment that is kept.
    pub(crate) first_sequence: u64,
    /// At most a purge, a vote and a mark, and always a truncation, so that a base is never empty.
    pub(crate) records: Vec<Record>,
}

pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("base")
}

impl Base {
    /// What a log that has been read up to `first_sequence` would be told of what was before.
    pub(crate) fn of(state: &State, cluster: [u8; 16], first_sequence: u64) -> Self {
        let last = state.index.next().checked_sub(1);
        let purged = last.map(|index| Record::Purge { index });
        let vote = state.vote.clone().map(|payload| Record::Vote { payload });
        let committed = state.committed.clone().map(|payload| Record::Committed { payload });
        let end = [Record::TruncateAfter { index: last }];
        Self { cluster, first_sequence, records: purged.into_iter().chain(vote).chain(committed).chain(end).collect() }
    }

    /// The base of the log in `dir`; none when it has all its segments.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, ReadError> {
        let file = path(dir);
        match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(&file, Operation::Read)(error)),
            Ok(bytes) => Self::parse(&file, &bytes).map(Some),
        }
    }

    /// A crash leaves the old file or the new one, never a part: the new one is durable before it takes the name.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), ReadError> {
        let (file, new) = (path(dir), dir.join("base.tmp"));
        let mut out = File::create(&new).map_err(io_error(&new, Operation::Create))?;
        give_to_owner(&out, dir).map_err(io_error(&new, Operation::Create))?;
        out.write_all(&self.encode()).map_err(io_error(&new, Operation::Write))?;
        out.sync_all().map_err(io_error(&new, Operation::Sync))?;
        fs::rename(&new, &file).map_err(io_error(&file, Operation::Rename))?;
        sync_dir(dir)
    }

    fn encode(&self) -> Vec<u8> {
        let header = Header { version: Version::NEWEST, cluster: self.cluster, first_sequence: self.first_sequence };
        let mut bytes = header.encode().to_vec();
        for (record, left) in self.records.iter().zip((0..self.records.len() as u64).rev()) {
            encode_frame(record.as_ref(), left, Before::Synced, &mut bytes);
        }
        bytes
    }

    fn parse(file: &Path, bytes: &[u8]) -> Result<Self, ReadError> {
        let header = known_header(file, bytes)?;
        let mut base = Self { cluster: header.cluster, first_sequence: header.first_sequence, records: Vec::new() };
        let (mut offset, mut left) = (HEADER_BYTES, None);
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            let frame = Frame::parse(rest).map_err(|reason| corrupt(file, offset, reason))?;
            let expected = left.unwrap_or(frame.sequence);
            if frame.sequence != expected {
                return Err(corrupt(file, offset, Reason::Sequence { expected, found: frame.sequence }));
            }
            base.records.push(frame.record.to_owned());
            offset += frame.bytes;
            left = frame.sequence.checked_sub(1);
            if left.is_none() {
                break;
            }
        }
        let whole = offset == bytes.len() && left.is_none() && !base.records.is_empty();
        if whole { Ok(base) } else { Err(corrupt(file, offset, Reason::CutShort)) }
    }
}

/// Gives a file to whoever owns `dir`: root may be who prunes, and the replica must be able to read what he leaves.
pub(crate) fn give_to_owner(file: &File, dir: &Path) -> io::Result<()> {
    let (owner, made) = (fs::metadata(dir)?, file.metadata()?);
    if (owner.uid(), owner.gid()) == (made.uid(), made.gid()) {
        return Ok(());
    }
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// Makes renames and removals in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), ReadError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error(dir, Operation::SyncDirectory))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Base {
        let (vote, mark) = (b"a vote".to_vec(), b"a mark".to_vec());
        let records =
            vec![Record::Purge { index: 41 }, Record::Vote { payload: vote }, Record::Committed { payload: mark }];
        Base { cluster: [7; 16], first_sequence: 99, records }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Base::read(dir.path()).expect("absent"), None);
        for records in 1..=3 {
            let mut base = base();
            base.records.truncate(records);
            base.write(dir.path()).expect("written");
            assert_eq!(Base::read(dir.path()).expect("reads"), Some(base));
        }
    }

    /// As root the folder is given to somebody else first; whoever else runs this owns it anyway.
    #[test]
    fn it_belongs_to_whoever_owns_the_log() {
        let dir = tempfile::tempdir().expect("a directory");
        let given = std::os::unix::fs::chown(dir.path(), Some(64_001), Some(64_001)).is_ok();
        base().write(dir.path()).expect("written");
        let (owner, about) = (fs::metadata(dir.path()).expect("there"), fs::metadata(path(dir.path())).expect("there"));
        assert_eq!(about.uid(), owner.uid());
        assert!(!given || about.uid() == 64_001);
    }

    #[test]
    fn every_bit_flip_and_every_cut_is_refused() {
        let mut bytes = base().encode();
        let file = Path::new("base");
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Base::parse(file, &bytes).is_err(), "bit {bit} was accepted");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for end in 0..bytes.len() {
            assert!(Base::parse(file, &bytes[..end]).is_err(), "{end} bytes were accepted");
        }
        bytes.push(0);
        assert!(Base::parse(file, &bytes).is_err(), "bytes after the end were accepted");
    }

    #[test]
    fn records_that_do_not_count_down_to_the_end_are_refused() {
        let bytes = base().encode();
        let mut ends = vec![HEADER_BYTES];
        while let Some(rest) = bytes.get(ends[ends.len() - 1]..).filter(|rest| !rest.is_empty()) {
            ends.push(ends[ends.len() - 1] + Frame::parse(rest).expect("a record").bytes);
        }
        let parts: Vec<&[u8]> = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let parse = |order: &[usize]| {
            let records = order.iter().flat_map(|nth| parts[*nth]).copied();
            let bytes: Vec<u8> = bytes[..HEADER_BYTES].iter().copied().chain(records).collect();
            Base::parse(Path::new("base"), &bytes).map_err(|error| error.to_string())
        };
        assert_eq!(parse(&[0, 1, 2]), Ok(base()));
        let swapped = parse(&[0, 2, 1]).expect_err("two have changed places");
        assert!(swapped.contains("record 0 lies where record 1 belongs"), "{swapped}");
        assert!(parse(&[0, 2]).is_err(), "one is gone");
        assert!(parse(&[0, 0, 1, 2]).is_err(), "one is there twice");
    }
}
