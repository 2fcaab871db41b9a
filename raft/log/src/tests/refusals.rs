//! What `open` and `append` refuse, and that it leaves everything as it was.

use super::support::{all, append, config, contents, dir, entries, entry, open, segments, wait};
use crate::{Log, LogConfig, LogEntry, OpenError, PAYLOAD_BYTES_MAX, REQUEST_BYTES_MAX, SEGMENT_BYTES_MIN, WriteError};
use std::fs;
use std::path::Path;

/// Opens the log in `dir`, expects a refusal that contains `message`, and expects nothing to have been modified.
fn check(config: LogConfig, message: &str) -> OpenError {
    let before = contents(&config.dir);
    let dir = config.dir.clone();
    let error = Log::open(config).expect_err("the log must not open");
    assert!(error.to_string().contains(message), "{error}");
    assert_eq!(contents(&dir), before, "a refused open must not modify anything");
    error
}

fn filled(dir: &Path) {
    append(&open(dir), entries(0..50));
}

#[test]
fn a_segment_of_another_cluster() {
    let dir = dir();
    filled(dir.path());
    let foreign = LogConfig { cluster: [9; 16], ..config(dir.path()) };
    let error = check(foreign, "belongs to cluster 636c75737465722d6f662d7465737473, not to 0909");
    assert!(matches!(error, OpenError::ForeignCluster { expected: [9, ..], .. }));
}

#[test]
fn a_second_open() {
    let dir = dir();
    let log = open(dir.path());
    assert!(matches!(check(config(dir.path()), "another process has this log open"), OpenError::Locked { .. }));
    drop(log);
    open(dir.path());
}

#[test]
fn a_newer_format() {
    let dir = dir();
    filled(dir.path());
    patch(&segments(dir.path())[2], 8, &[3]);
    let error = check(config(dir.path()), "at offset 8: format version 3 is newer than 2");
    assert!(matches!(error, OpenError::NewerFormat { found: 3, known: 2, .. }));
}

#[test]
fn a_missing_segment() {
    for missing in [0, 2] {
        let dir = dir();
        filled(dir.path());
        fs::remove_file(&segments(dir.path())[missing]).expect("removes");
        check(config(dir.path()), "is missing");
    }
}

#[test]
fn a_segment_under_a_wrong_name() {
    let dir = dir();
    filled(dir.path());
    let files = segments(dir.path());
    fs::copy(&files[0], &files[1]).expect("copies");
    check(config(dir.path()), "the file name does not match");
}

/// As a copy of a folder would be in which two lives of a log were mixed.
#[test]
fn a_segment_that_begins_inside_another() {
    let dir = dir();
    filled(dir.path());
    let files = segments(dir.path());
    let firsts = crate::segment::list(dir.path()).expect("lists");
    let inside = firsts[1] + 1;
    assert!(inside < firsts[2]);
    fs::copy(&files[1], crate::segment::path(dir.path(), inside)).expect("copies");
    check(config(dir.path()), &format!("record {inside} lies where record {} belongs", firsts[2]));
}

#[test]
fn more_at_once_than_is_ever_written() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..3));
    let large = |index, bytes| LogEntry { index, payload: vec![0; bytes] };
    let refused = |entries| wait(|done| log.append(entries, done)).expect_err("too large");
    let (bytes, bytes_max) = (PAYLOAD_BYTES_MAX + 1, PAYLOAD_BYTES_MAX);
    assert_eq!(refused(vec![entry(3), large(4, bytes)]), WriteError::TooLarge { bytes, bytes_max });
    let count = REQUEST_BYTES_MAX as u64 / PAYLOAD_BYTES_MAX as u64 + 1;
    let many: Vec<LogEntry> = (3..3 + count).map(|index| large(index, PAYLOAD_BYTES_MAX)).collect();
    let bytes = many.len() * PAYLOAD_BYTES_MAX;
    assert_eq!(refused(many), WriteError::TooLarge { bytes, bytes_max: REQUEST_BYTES_MAX });
    append(&log, entries(3..5));
    drop(log);
    assert_eq!(all(&open(dir.path())), entries(0..5), "nothing of what was refused is stored");
}

#[test]
fn an_earlier_segment_that_was_cut() {
    let dir = dir();
    filled(dir.path());
    let first = &segments(dir.path())[0];
    fs::OpenOptions::new().write(true).open(first).and_then(|file| file.set_len(300)).expect("cuts");
    check(config(dir.path()), "the record ends beyond the end of the file");
}

#[test]
fn a_record_written_by_hand_out_of_order() {
    let dir = dir();
    append(&open(dir.path()), entries(0..3));
    let file = &segments(dir.path())[0];
    let bytes = fs::read(file).expect("reads");
    let frame = |at: usize| at + 8 + usize::from(bytes[at]);
    let (first, second, third) = (40, frame(40), frame(frame(40)));
    let third_bytes = &bytes[third..frame(third)];
    patch(file, second, third_bytes);
    check(config(dir.path()), "at offset 83: record 3 lies where record 2 belongs");
    assert_eq!((first, second), (40, 83));
}

#[test]
fn a_size_outside_the_limits() {
    let dir = dir();
    check(LogConfig { segment_bytes: SEGMENT_BYTES_MIN - 1, ..config(dir.path()) }, "configure 512 to 67108864 bytes");
    check(LogConfig { segment_bytes: u64::MAX, ..config(dir.path()) }, "configure 512 to 67108864 bytes");
}

fn patch(file: &Path, at: usize, new: &[u8]) {
    let mut bytes = fs::read(file).expect("reads");
    bytes[at..at + new.len()].copy_from_slice(new);
    fs::write(file, bytes).expect("writes");
}
