//! Every bit flipped, every byte cut off.

use super::support::{CLUSTER, all, append, copy, dir, entries, entry, open, segments, vote};
use crate::LogEntry;
use crate::reader::{LogReader, Record};
use crate::recover::recover;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A log of three segments, each record in a write of its own.
fn filled() -> TempDir {
    let dir = dir();
    let log = open(dir.path());
    vote(&log, b"vote");
    for index in 0..25 {
        append(&log, vec![entry(index)]);
    }
    dir
}

#[test]
fn every_truncation_of_the_last_segment_keeps_all_whole_records() {
    let dir = filled();
    let (last, full) = last_segment(dir.path());
    let ends = record_ends(dir.path(), &last);
    for cut in (0..=full.len()).rev() {
        let copy = copy(dir.path());
        let file = copy.path().join(last.file_name().expect("a name"));
        fs::write(&file, &full[..cut]).expect("writes");
        if cut < 40 {
            // A segment gets its name only after its header is synced, so no crash leaves half a header.
            assert!(recover(copy.path(), CLUSTER).is_err(), "a cut at {cut} was accepted");
            continue;
        }
        let before_last = 25 - ends.len() as u64;
        let kept = before_last + ends.iter().filter(|end| **end <= cut).count() as u64;
        let log = open(copy.path());
        assert_eq!(all(&log), entries(0..kept), "cut at {cut}");
        append(&log, entries(kept..kept + 2));
        drop(log);
        let log = open(copy.path());
        assert_eq!(all(&log), entries(0..kept + 2), "cut at {cut}, then appended");
        assert_eq!(log.state().torn_bytes, 0);
    }
}

#[test]
fn every_bit_flip_is_refused_or_cuts_the_last_record() {
    let dir = filled();
    let (last, full) = last_segment(dir.path());
    let ends = record_ends(dir.path(), &last);
    let (tail_start, tail_end) = (ends[ends.len() - 2], ends[ends.len() - 1]);
    for file in segments(dir.path()) {
        let healthy = fs::read(&file).expect("reads");
        for bit in 0..healthy.len() * 8 {
            let mut bytes = healthy.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&file, &bytes).expect("writes");
            let recovered = recover(dir.path(), CLUSTER).map(|found| found.state.index.len());
            match recovered {
                Ok(24) => assert!(file == last && (tail_start..tail_end).contains(&(bit / 8)), "bit {bit} of {file:?}"),
                Ok(25) => assert!(file == last && bit / 8 >= tail_end, "bit {bit} of {file:?} was accepted"),
                Ok(other) => panic!("bit {bit} of {file:?} left {other} entries"),
                Err(_) => assert!(file != last || bit / 8 < tail_start, "bit {bit} of {file:?} was refused"),
            }
        }
        fs::write(&file, &healthy).expect("writes");
    }
    assert!(full.len() > tail_end);
}

#[test]
fn a_bit_flip_in_an_acknowledged_batch_is_refused() {
    let dir = dir();
    append(&open(dir.path()), entries(0..8));
    let (file, healthy) = last_segment(dir.path());
    let ends = record_ends(dir.path(), &file);
    for bit in 40 * 8..ends[6] * 8 {
        let mut bytes = healthy.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &bytes).expect("writes");
        assert!(recover(dir.path(), CLUSTER).is_err(), "bit {bit} of {file:?} was accepted");
    }
}

#[test]
fn a_cut_tail_is_reported_once_and_gone_afterwards() {
    let dir = filled();
    let (last, mut bytes) = last_segment(dir.path());
    let end = record_ends(dir.path(), &last).pop().expect("records");
    bytes[end..end + 30].fill(0x5a);
    fs::write(&last, &bytes).expect("writes");
    let mut reader = LogReader::open(dir.path()).expect("opens");
    assert!(reader.by_ref().all(|record| record.is_ok()));
    let torn = reader.torn_tail().expect("a torn tail");
    assert_eq!((torn.file.as_ref(), torn.offset, torn.bytes), (last.as_path(), end as u64, 30));
    assert_eq!(open(dir.path()).state().torn_bytes, 30);
    assert_eq!(open(dir.path()).state().torn_bytes, 0);
}

#[test]
fn a_flipped_bit_under_an_open_log_is_noticed_by_reads() {
    let dir = filled();
    let log = open(dir.path());
    let first = &segments(dir.path())[0];
    let mut bytes = fs::read(first).expect("reads");
    bytes[100] ^= 1;
    fs::write(first, bytes).expect("writes");
    let error = log.read(0..25, usize::MAX).expect_err("damage is not returned as data");
    assert!(error.to_string().contains("fails its checksum"), "{error}");
}

/// Each is sound by itself, so that only its place tells.
#[test]
fn records_that_change_places_under_an_open_log_are_noticed_by_reads() {
    let dir = filled();
    let log = open(dir.path());
    let first = &segments(dir.path())[0];
    let ends = record_ends(dir.path(), first);
    let mut bytes = fs::read(first).expect("reads");
    let (one, other) = (ends[0]..ends[1], ends[1]..ends[2]);
    let swapped = [&bytes[other.clone()], &bytes[one.clone()]].concat();
    assert_eq!(one.len(), other.len());
    bytes[one.start..other.end].copy_from_slice(&swapped);
    fs::write(first, bytes).expect("writes");
    let error = log.read(1..2, usize::MAX).expect_err("another entry is not returned as this one");
    assert!(error.to_string().contains("another record than the one written lies here"), "{error}");
    assert_eq!(log.read(0..1, usize::MAX).expect("the one before them is whole"), entries(0..1));
}

#[test]
fn entries_keep_their_payload_when_it_looks_like_a_log() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..5));
    let (_, payload) = last_segment(dir.path());
    let quoted = LogEntry { index: 5, payload };
    append(&log, vec![quoted.clone()]);
    drop(log);
    assert_eq!(all(&open(dir.path())).last(), Some(&quoted));
}

fn last_segment(dir: &Path) -> (PathBuf, Vec<u8>) {
    let file = segments(dir).pop().expect("a segment");
    let bytes = fs::read(&file).expect("reads");
    (file, bytes)
}

/// Where the records of `file` end.
fn record_ends(dir: &Path, file: &Path) -> Vec<usize> {
    let bytes = fs::read(file).expect("reads");
    let records = LogReader::open(dir).expect("opens").map(|record| record.expect("a healthy log"));
    let here = records.filter(|(position, record)| *position.file == *file && matches!(record, Record::Entry { .. }));
    here.map(|(position, _)| {
        let at = usize::try_from(position.offset).expect("fits");
        at + 8 + usize::from(bytes[at]) + 256 * usize::from(bytes[at + 1])
    })
    .collect()
}
