//! Every operation, before and after reopening.

use super::support::{all, append, dir, entries, entry, open, segments, vote, wait};
use crate::{Log, LogEntry, PAYLOAD_BYTES_MAX, WriteError};
use std::path::Path;

#[test]
fn an_empty_log_begins_at_index_0() {
    let dir = dir();
    let state = open(dir.path()).state();
    assert_eq!((state.first_index, state.last_index, state.purged), (0, None, None));
    assert_eq!((state.vote, state.committed, state.torn_bytes), (None, None, 0));
}

#[test]
fn everything_survives_reopening() {
    let dir = dir();
    let log = open(dir.path());
    vote(&log, b"vote 1");
    append(&log, entries(0..100));
    assert_eq!(wait(|done| log.save_committed(b"99".to_vec(), done)), Ok(()));
    vote(&log, b"vote 2");
    let before = log.state();
    drop(log);
    let log = open(dir.path());
    assert_eq!(log.state(), before);
    assert_eq!(before.vote.as_deref(), Some(b"vote 2".as_slice()));
    assert_eq!(before.committed.as_deref(), Some(b"99".as_slice()));
    assert_eq!(all(&log), entries(0..100));
    assert!(segments(dir.path()).len() > 5, "a segment of 512 bytes holds about ten entries");
}

#[test]
fn truncated_entries_are_replaced() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..10));
    assert_eq!(wait(|done| log.truncate_after(Some(4), done)), Ok(()));
    let replaced = LogEntry { index: 5, payload: b"another".to_vec() };
    append(&log, vec![replaced.clone()]);
    let expected: Vec<_> = entries(0..5).into_iter().chain([replaced]).collect();
    assert_eq!(all(&log), expected);
    assert_eq!(all(&reopened(log, dir.path())), expected);
}

#[test]
fn truncating_everything_begins_again_at_0() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..3));
    assert_eq!(wait(|done| log.truncate_after(None, done)), Ok(()));
    assert_eq!((log.state().first_index, log.state().last_index), (0, None));
    append(&log, entries(0..1));
    assert_eq!(all(&reopened(log, dir.path())), entries(0..1));
}

#[test]
fn purged_entries_are_hidden_and_their_segments_stay() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..50));
    let files = segments(dir.path());
    assert_eq!(wait(|done| log.purge_to(39, done)), Ok(()));
    assert_eq!(log.read(0..45, usize::MAX).expect("reads"), entries(40..45));
    let log = reopened(log, dir.path());
    assert_eq!(all(&log), entries(40..50));
    assert_eq!((log.state().first_index, log.state().purged), (40, Some(39)));
    assert!(segments(dir.path()).starts_with(&files));
    let refused = wait(|done| log.truncate_after(Some(20), done));
    assert_eq!(refused, Err(WriteError::Purged { index: 20, purged: 39 }));
}

#[test]
fn after_a_snapshot_the_log_goes_on_beyond_its_last_entry() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..5));
    assert_eq!(wait(|done| log.purge_to(99, done)), Ok(()));
    assert_eq!((log.state().first_index, log.state().last_index), (100, None));
    let refused = wait(|done| log.append(entries(5..6), done));
    assert_eq!(refused, Err(WriteError::Gap { expected: 100, found: 5 }));
    append(&log, entries(100..102));
    assert_eq!(all(&reopened(log, dir.path())), entries(100..102));
}

#[test]
fn a_refused_request_changes_nothing() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..2));
    let before = log.state();
    let check = |bad: Vec<LogEntry>, expected: WriteError| {
        assert_eq!(wait(|done| log.append(bad, done)), Err(expected));
        assert_eq!(log.state(), before);
    };
    check(entries(3..4), WriteError::Gap { expected: 2, found: 3 });
    check(entries(1..2), WriteError::Gap { expected: 2, found: 1 });
    check(vec![entry(2), entry(4)], WriteError::Gap { expected: 3, found: 4 });
    let (bytes, bytes_max) = (PAYLOAD_BYTES_MAX + 1, PAYLOAD_BYTES_MAX);
    check(vec![LogEntry { index: 2, payload: vec![0; bytes] }], WriteError::TooLarge { bytes, bytes_max });
    append(&log, entries(2..3));
    append(&log, Vec::new());
    assert_eq!(all(&reopened(log, dir.path())), entries(0..3));
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    let dir = dir();
    let log = open(dir.path());
    let large = LogEntry { index: 1, payload: vec![7; PAYLOAD_BYTES_MAX] };
    append(&log, vec![entry(0), large.clone(), entry(2)]);
    assert_eq!(all(&reopened(log, dir.path())), [entry(0), large, entry(2)]);
    assert_eq!(segments(dir.path()).len(), 3);
}

#[test]
fn reads_stop_at_the_limit_but_return_at_least_one() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, (0..4).map(|index| LogEntry { index, payload: vec![1; 100] }).collect());
    let check = |log: &Log, range, max_bytes, expected: &[u64]| {
        let found: Vec<_> = log.read(range, max_bytes).expect("reads").iter().map(|entry| entry.index).collect();
        assert_eq!(found, expected);
    };
    let check_all = |log: &Log| {
        check(log, 0..4, 0, &[0]);
        check(log, 1..4, 250, &[1, 2]);
        check(log, 2..9, 1000, &[2, 3]);
        check(log, 4..9, 1000, &[]);
    };
    check_all(&log);
    check_all(&reopened(log, dir.path()));
}

#[test]
fn entries_can_be_read_as_soon_as_append_returns() {
    let dir = dir();
    let log = open(dir.path());
    for index in 0..500 {
        log.append(vec![entry(index)], |_| ());
        assert_eq!(log.read(index..index + 1, 1000).expect("reads"), [entry(index)]);
    }
}

#[test]
fn the_last_handle_may_be_dropped_in_a_callback() {
    let dir = dir();
    let log = open(dir.path());
    let (held, answered) = (log.clone(), std::sync::mpsc::channel());
    log.append(entries(0..1), move |_| {
        drop(held);
        answered.0.send(()).expect("the test waits");
    });
    drop(log);
    answered.1.recv().expect("the callback ran");
}

/// The log opened once more, after every handle of `log` is gone.
fn reopened(log: Log, dir: &Path) -> Log {
    drop(log);
    open(dir)
}
