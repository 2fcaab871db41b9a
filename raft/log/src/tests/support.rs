//! What several of the tests need: a log in a temporary directory, waiting for callbacks, editing segments.

use crate::{Log, LogConfig, LogEntry, Storage, WriteError};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tempfile::TempDir;

/// What a callback is told.
pub(crate) type Answer = Result<(), WriteError>;

pub(crate) const CLUSTER: [u8; 16] = *b"cluster-of-tests";

pub(crate) fn dir() -> TempDir {
    // Memory instead of disk where there is one: these tests sync thousands of times.
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.expect("a temporary directory")
}

pub(crate) fn config(dir: &Path) -> LogConfig {
    LogConfig { dir: dir.to_path_buf(), cluster: CLUSTER, segment_bytes: 512 }
}

pub(crate) fn open(dir: &Path) -> Log {
    Log::open(config(dir)).expect("the log opens")
}

pub(crate) fn open_with(dir: &Path, storage: impl Storage) -> Log {
    Log::open_with(config(dir), storage).expect("the log opens")
}

pub(crate) fn entry(index: u64) -> LogEntry {
    LogEntry { index, payload: format!("payload of entry {index}").into_bytes() }
}

pub(crate) fn entries(indexes: std::ops::Range<u64>) -> Vec<LogEntry> {
    indexes.map(entry).collect()
}

/// A callback and the place where its answer arrives.
pub(crate) fn answer() -> (impl FnOnce(Answer) + Send + 'static, Receiver<Answer>) {
    let (sender, receiver) = mpsc::channel();
    (move |result| drop(sender.send(result)), receiver)
}

pub(crate) fn wait(call: impl FnOnce(Box<dyn FnOnce(Answer) + Send>)) -> Answer {
    let (done, answered) = answer();
    call(Box::new(done));
    answered.recv_timeout(Duration::from_secs(20)).expect("every callback is called")
}

pub(crate) fn append(log: &Log, entries: Vec<LogEntry>) {
    assert_eq!(wait(|done| log.append(entries, done)), Ok(()));
}

pub(crate) fn vote(log: &Log, payload: &[u8]) {
    assert_eq!(wait(|done| log.save_vote(payload.to_vec(), done)), Ok(()));
}

pub(crate) fn all(log: &Log) -> Vec<LogEntry> {
    log.read(0..u64::MAX, usize::MAX).expect("the log reads")
}

pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let firsts = crate::segment::list(dir).expect("the directory lists");
    firsts.into_iter().map(|first| crate::segment::path(dir, first)).collect()
}

/// A copy of the segments of `from`.
pub(crate) fn copy(from: &Path) -> TempDir {
    let to = dir();
    for file in segments(from) {
        fs::copy(&file, to.path().join(file.file_name().expect("a segment has a name"))).expect("the copy");
    }
    to
}

/// Copies to `to` what is sealed in `from`; says how many segments that are.
pub(crate) fn archive(from: &Path, to: &Path) -> usize {
    let sealed = crate::retention::sealed(from).expect("the log reads");
    for segment in &sealed {
        let name = segment.file.file_name().expect("a segment has a name");
        fs::copy(&segment.file, to.join(name)).expect("the copy");
    }
    sealed.len()
}

/// The bytes of every file in `dir`, to see whether anything was modified.
pub(crate) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    segments(dir).into_iter().map(|file| (file.clone(), fs::read(file).expect("the segment reads"))).collect()
}
