//! Rewrites a replica's log as somebody would who knows the format: lengths, sequence numbers and checksums fit.

use std::fs;
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 40;
const ENTRY: u8 = 1;

/// A record as it lies in a segment, without what is made anew when it is written.
#[derive(Clone, Debug)]
pub struct Record {
    /// Kind and flag.
    kind: u8,
    body: Vec<u8>,
}

impl Record {
    /// The index of an entry.
    pub fn index(&self) -> Option<u64> {
        let index = self.body.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        index.filter(|_| self.kind & 0x7f == ENTRY)
    }

    /// Gives an entry another index; its own bytes stay.
    pub fn renumber(&mut self, index: u64) {
        self.body[..8].copy_from_slice(&index.to_le_bytes());
    }

    /// An entry's bytes.
    pub fn payload(&mut self) -> &mut [u8] {
        &mut self.body[8..]
    }
}

/// Changes the only segment of the log of the replica whose directory this is.
pub fn rewrite(dir: &Path, change: impl FnOnce(&mut Vec<Record>)) {
    let file = only_segment(dir);
    let bytes = fs::read(&file).expect("a segment");
    assert_eq!(bytes[8], 2, "the version of the format that is written here");
    let (mut at, mut records) = (HEADER_BYTES, Vec::new());
    while let Some(record) = bytes.get(start(at)..) {
        let length = record.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
        if length == 0 {
            break;
        }
        records.push(Record { kind: record[8], body: record[17..8 + length].to_vec() });
        at = start(at) + 8 + length;
    }
    change(&mut records);
    let mut out = bytes[..HEADER_BYTES].to_vec();
    for (sequence, record) in (1u64..).zip(&records) {
        out.resize(start(out.len()), 0);
        let content = [&[record.kind][..], &sequence.to_le_bytes(), &record.body].concat();
        out.extend_from_slice(&u32::try_from(content.len()).expect("short").to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&content).to_le_bytes());
        out.extend_from_slice(&content);
    }
    out.resize(out.len().max(bytes.len()), 0);
    fs::write(file, out).expect("room");
}

/// Where a record begins that follows what ends here: not in the last seven bytes of a sector.
fn start(end: usize) -> usize {
    let left = 512 - end % 512;
    if left < 8 { end + left } else { end }
}

/// Where the entry with this index is among the records.
pub fn place(records: &[Record], index: u64) -> usize {
    records.iter().position(|record| record.index() == Some(index)).expect("the entry is there")
}

fn only_segment(dir: &Path) -> PathBuf {
    let listed = fs::read_dir(dir.join("log")).expect("a log").map(|file| file.expect("listed").path());
    let segments: Vec<PathBuf> = listed.filter(|file| file.extension().is_some_and(|ext| ext == "seg")).collect();
    assert_eq!(segments.len(), 1, "the test's log is short");
    segments.into_iter().next().expect("one")
}
