//! Segments that are removed, and what stands for them. What random operations leave is in `model`.

use super::support::{all, append, archive, config, copy, dir, entries, open, segments, vote, wait};
use crate::reader::{LogReader, Record};
use crate::{Log, LogState, OpenError, ReadError, Reason, base, retention};
use std::fs;
use std::path::Path;

/// A log of several segments, of which the older ones are purged.
fn purged(dir: &Path) -> Log {
    let log = open(dir);
    vote(&log, b"the only vote");
    append(&log, entries(0..60));
    assert_eq!(wait(|done| log.save_committed(b"59".to_vec(), done)), Ok(()));
    assert_eq!(wait(|done| log.purge_to(45, done)), Ok(()));
    log
}

fn prune_all(dir: &Path) -> usize {
    retention::prune(dir, usize::MAX).expect("pruned").len()
}

fn reopened(dir: &Path) -> LogState {
    open(dir).state()
}

#[test]
fn what_is_purged_can_go_and_the_log_is_the_same() {
    let dir = dir();
    let before = purged(dir.path()).state();
    let (found, expected) = (segments(dir.path()).len(), all(&open(dir.path())));
    let removed = prune_all(dir.path());
    assert!(removed >= 3 && removed < found, "{removed} of {found}");
    assert_eq!(segments(dir.path()).len(), found - removed);
    let log = open(dir.path());
    assert_eq!((log.state(), all(&log)), (before, expected));
    append(&log, entries(60..90));
    assert_eq!(wait(|done| log.purge_to(80, done)), Ok(()));
    drop(log);
    let before = reopened(dir.path());
    assert!(prune_all(dir.path()) > 0, "a second time");
    assert_eq!(reopened(dir.path()), before);
}

#[test]
fn nothing_goes_that_is_not_purged_and_never_the_newest() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..60));
    assert_eq!(prune_all(dir.path()), 0);
    assert_eq!(wait(|done| log.purge_to(59, done)), Ok(()));
    let found = segments(dir.path()).len();
    assert_eq!(prune_all(dir.path()), found - 1);
    assert_eq!((prune_all(dir.path()), segments(dir.path()).len()), (0, 1));
    assert!(retention::prunable(dir.path()).expect("reads").is_empty());
}

/// An entry of a leader that lost was dropped after the segment it lies in: without that segment, its successor with the
/// same index could not be told from one too many.
#[test]
fn a_truncation_that_reaches_back_keeps_its_segment() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..22));
    let sealed = retention::sealed(dir.path()).expect("reads");
    let next = sealed.last().expect("some").next_index;
    assert_eq!(wait(|done| log.truncate_after(Some(next - 3), done)), Ok(()));
    append(&log, entries(next - 2..next));
    assert_eq!(wait(|done| log.purge_to(next - 1, done)), Ok(()));
    let before = log.state();
    drop(log);
    assert_eq!(retention::sealed(dir.path()).expect("reads"), sealed, "all that came later is in the newest");
    assert_eq!(prune_all(dir.path()), sealed.len() - 1);
    assert_eq!(reopened(dir.path()), before);
}

#[test]
fn the_files_of_a_log_are_listed_as_they_are_to_be_copied() {
    let dir = dir();
    drop(purged(dir.path()));
    assert_eq!(retention::files(dir.path()).expect("listed"), segments(dir.path()));
    let oldest = segments(dir.path()).remove(0);
    let kept = fs::read(&oldest).expect("reads");
    prune_all(dir.path());
    let expected: Vec<_> = [retention::base(dir.path())].into_iter().chain(segments(dir.path())).collect();
    assert!(expected[0].is_file());
    // A segment that a removal left behind is none of them.
    fs::write(&oldest, kept).expect("written");
    assert_eq!(retention::files(dir.path()).expect("listed"), expected);
}

#[test]
fn a_crash_before_the_removal_leaves_what_nobody_reads() {
    let dir = dir();
    let before = purged(dir.path()).state();
    let all_of_them = copy(dir.path());
    let removed = prune_all(dir.path());
    for file in segments(all_of_them.path()) {
        fs::copy(&file, dir.path().join(file.file_name().expect("named"))).expect("copied");
    }
    assert_eq!(reopened(dir.path()), before);
    // Some of them are gone already, and a base before this one was left half-written.
    fs::remove_file(&segments(dir.path())[1]).expect("removed");
    fs::write(dir.path().join("base.tmp"), b"half").expect("written");
    assert_eq!(reopened(dir.path()), before);
    let kept = LogReader::open(dir.path()).expect("opens").map(|record| record.expect("reads").0.sequence);
    assert!(kept.min().expect("some") > 1, "what was to be removed is not read");
    assert_eq!(prune_all(dir.path()), 0);
    // What nobody reads goes with the next that may.
    let log = open(dir.path());
    append(&log, entries(60..90));
    assert_eq!(wait(|done| log.purge_to(80, done)), Ok(()));
    drop(log);
    assert!(prune_all(dir.path()) > 0 && segments(dir.path()).len() < removed);
}

#[test]
fn a_reader_sees_what_stands_for_them_or_all_of_them_from_an_archive() {
    let (dir, archived) = (dir(), dir());
    drop(purged(dir.path()));
    let records = |reader: LogReader| reader.map(|record| record.expect("reads").1).collect::<Vec<_>>();
    let whole = records(LogReader::open(dir.path()).expect("opens"));
    archive(dir.path(), archived.path());
    let next = retention::prunable(dir.path()).expect("reads").last().expect("some").next_index;
    prune_all(dir.path());
    let kept = records(LogReader::open(dir.path()).expect("opens"));
    let (vote, last) = (b"the only vote".to_vec(), next - 1);
    let end = Record::TruncateAfter { index: Some(last) };
    let first = LogReader::open(dir.path()).expect("opens").next().expect("some").expect("reads").0;
    assert_eq!(first.file.as_ref(), base::path(dir.path()), "a position says where that stands");
    assert_eq!(kept[..3], [Record::Purge { index: last }, Record::Vote { payload: vote }, end]);
    assert_eq!(kept[3..], whole[whole.len() - kept.len() + 3..]);
    let joined = LogReader::open_with_archive(dir.path(), archived.path()).expect("opens");
    assert_eq!(records(joined), whole);
    // What is in both places is read from the log's own: the archive's copies of those are not looked at.
    let in_both = segments(dir.path()).remove(0);
    fs::write(archived.path().join(in_both.file_name().expect("named")), b"damaged").expect("written");
    let joined = LogReader::open_with_archive(dir.path(), archived.path()).expect("opens");
    assert_eq!(records(joined), whole);
    // Half an archive is none.
    fs::remove_file(&segments(archived.path())[1]).expect("removed");
    let joined = LogReader::open_with_archive(dir.path(), archived.path()).expect("opens");
    let missing = joined.filter_map(Result::err).collect::<Vec<_>>();
    assert!(matches!(missing[..], [ReadError::Corrupt { reason: Reason::MissingSegment { .. }, .. }]), "{missing:?}");
}

#[test]
fn a_base_that_is_damaged_foreign_or_without_its_segment_is_refused() {
    let dir = dir();
    drop(purged(dir.path()));
    prune_all(dir.path());
    let (file, opened) = (base::path(dir.path()), || Log::open(config(dir.path())).map(drop));
    let genuine = fs::read(&file).expect("reads");
    let refused = |expected: fn(&OpenError) -> bool| assert!(opened().is_err_and(|error| expected(&error)));
    fs::write(&file, &genuine[..genuine.len() - 3]).expect("written");
    refused(|error| matches!(error, OpenError::Corrupt { reason: Reason::CutShort, .. }));
    fs::remove_file(&file).expect("removed");
    refused(|error| matches!(error, OpenError::Corrupt { reason: Reason::MissingSegment { first: 1 }, .. }));
    fs::create_dir(&file).expect("made");
    refused(|error| matches!(error, OpenError::Io { .. }));
    fs::remove_dir(&file).expect("removed");
    fs::write(&file, &genuine).expect("written");
    let foreign = crate::LogConfig { cluster: [9; 16], ..config(dir.path()) };
    assert!(matches!(Log::open(foreign), Err(OpenError::ForeignCluster { .. })));
    for segment in segments(dir.path()) {
        fs::remove_file(segment).expect("removed");
    }
    refused(|error| matches!(error, OpenError::Corrupt { reason: Reason::MissingSegment { .. }, .. }));
}

#[test]
fn a_running_log_goes_on_while_it_is_pruned() {
    let dir = dir();
    let log = open(dir.path());
    append(&log, entries(0..10));
    for first in (10..2_000).step_by(10) {
        append(&log, entries(first..first + 10));
        log.purge_to(first - 5, |result| assert_eq!(result, Ok(())));
        retention::prune(dir.path(), 3).expect("pruned");
        assert_eq!(all(&log).len(), 14);
    }
    let before = log.state();
    drop(log);
    assert!(segments(dir.path()).len() < 10, "{:?}", segments(dir.path()));
    assert_eq!(reopened(dir.path()), before);
}
