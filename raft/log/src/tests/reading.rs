//! The offline reader, on copies and beside a running log.

use super::support::{CLUSTER, append, copy, dir, entries, entry, open, vote, wait};
use crate::reader::{LogReader, Record};
use crate::{LogEntry, ReadError};
use std::path::Path;

#[test]
fn every_record_comes_back_in_order_with_its_position() {
    let dir = dir();
    let log = open(dir.path());
    vote(&log, b"vote");
    append(&log, entries(0..30));
    assert_eq!(wait(|done| log.truncate_after(Some(20), done)), Ok(()));
    assert_eq!(wait(|done| log.purge_to(10, done)), Ok(()));
    assert_eq!(wait(|done| log.save_committed(b"20".to_vec(), done)), Ok(()));
    let copied = copy(dir.path());
    for path in [dir.path(), copied.path()] {
        let reader = LogReader::open(path).expect("opens");
        assert_eq!(reader.cluster(), CLUSTER);
        let records: Vec<_> = reader.map(|record| record.expect("healthy")).collect();
        let sequences: Vec<_> = records.iter().map(|(position, _)| position.sequence).collect();
        assert_eq!(sequences, (1..=34).collect::<Vec<_>>());
        assert_eq!(records[0].0.offset, 40);
        assert_eq!(records[0].1, Record::Vote { payload: b"vote".to_vec() });
        assert_eq!(records[31].1, Record::TruncateAfter { index: Some(20) });
        assert_eq!(records[32].1, Record::Purge { index: 10 });
        assert_eq!(records[33].1, Record::Committed { payload: b"20".to_vec() });
    }
}

#[test]
fn surviving_entries_honour_truncations_and_ignore_purges() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..10));
    assert_eq!(wait(|done| log.truncate_after(Some(4), done)), Ok(()));
    append(&log, vec![LogEntry { index: 5, payload: b"replaced".to_vec() }]);
    assert_eq!(wait(|done| log.purge_to(3, done)), Ok(()));
    assert_eq!(wait(|done| log.purge_to(20, done)), Ok(()));
    append(&log, entries(21..22));
    let survivors = LogReader::open(dir.path()).and_then(LogReader::surviving_entries).expect("reads");
    let expected = entries(0..5).into_iter().chain([LogEntry { index: 5, payload: b"replaced".to_vec() }, entry(21)]);
    let found = survivors.into_iter().map(|(index, payload, _)| LogEntry { index, payload });
    assert!(found.eq(expected));
}

#[test]
fn damage_names_its_file_and_ends_the_iteration() {
    let dir = dir();
    append(&open(dir.path()), entries(0..30));
    let file = &super::support::segments(dir.path())[1];
    let mut bytes = std::fs::read(file).expect("reads");
    bytes[60] ^= 4;
    std::fs::write(file, bytes).expect("writes");
    let records: Vec<_> = LogReader::open(dir.path()).expect("opens").collect();
    let (last, healthy) = records.split_last().expect("records");
    assert!(healthy.iter().all(Result::is_ok) && !healthy.is_empty());
    match last {
        Err(ReadError::Corrupt { file: named, offset: 40, .. }) => assert_eq!(named, file),
        other => panic!("{other:?}"),
    }
    assert!(LogReader::open(dir.path()).and_then(LogReader::surviving_entries).is_err());
}

#[test]
fn a_directory_without_segments_is_refused() {
    let dir = dir();
    assert!(matches!(LogReader::open(dir.path()), Err(ReadError::NoSegments { .. })));
    assert!(matches!(LogReader::open(Path::new("/nonexistent")), Err(ReadError::Io { .. })));
}

#[test]
fn a_running_log_is_read_without_false_alarms() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..1));
    let writer = std::thread::spawn(move || {
        for first in (1..6001).step_by(3) {
            log.append(entries(first..first + 3), |result| assert_eq!(result, Ok(())));
        }
    });
    let mut seen = 0;
    while !writer.is_finished() {
        let found = LogReader::open(dir.path()).and_then(LogReader::surviving_entries).expect("no false alarm").len();
        assert!(found >= seen, "the history never shrinks");
        seen = found;
    }
    writer.join().expect("the writer ends well");
    let found = LogReader::open(dir.path()).and_then(LogReader::surviving_entries).expect("reads");
    assert_eq!(found.len(), 6001);
}
