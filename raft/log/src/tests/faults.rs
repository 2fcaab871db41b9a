//! A disk that fails, and callbacks that panic.

use super::support::{all, answer, append, dir, entries, entry, open, open_with, segments, wait};
use crate::{Disk, Log, LogConfig, Operation, Storage, StorageFile, WriteError};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What the faulty disk does. Counters are only read after the callbacks that follow them, so Relaxed would do.
#[derive(Default)]
struct Plan {
    syncs: AtomicUsize,
    writes: AtomicUsize,
    /// Syncs fail from this one on; 0 is never.
    fail_syncs_from: AtomicUsize,
    /// Writes fail from this one on; 0 is never.
    fail_writes_from: AtomicUsize,
    /// Writes panic while this is not 0.
    panicking: AtomicUsize,
    /// How many files may still be created, plus 1; 0 is any number.
    files_left: AtomicUsize,
    /// Syncs wait while this is true.
    held: Mutex<bool>,
    released: Condvar,
}

#[derive(Clone, Default)]
struct Faulty(Arc<Plan>);

struct FaultyFile(File, Arc<Plan>);

impl Faulty {
    fn hold(&self) {
        *self.0.held.lock().expect("not poisoned") = true;
    }

    fn release(&self) {
        *self.0.held.lock().expect("not poisoned") = false;
        self.0.released.notify_all();
    }

    /// Fails every sync from the next one on.
    fn fail_syncs(&self) {
        self.0.fail_syncs_from.store(self.0.syncs.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    fn fail_writes(&self) {
        self.0.fail_writes_from.store(self.0.writes.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    fn syncs(&self) -> usize {
        self.0.syncs.load(Ordering::SeqCst)
    }
}

impl Storage for Faulty {
    type File = FaultyFile;

    fn create(&self, path: &Path) -> io::Result<FaultyFile> {
        let left = &self.0.files_left;
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| if left > 1 { Some(left - 1) } else { None })
        {
            Err(1) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(FaultyFile(Disk.create(path)?, Arc::clone(&self.0))),
        }
    }

    fn open(&self, path: &Path) -> io::Result<FaultyFile> {
        Ok(FaultyFile(Disk.open(path)?, Arc::clone(&self.0)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }
}

impl StorageFile for FaultyFile {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        assert_eq!(self.1.panicking.load(Ordering::SeqCst), 0, "a disk that panics, as this test wants it");
        if due(&self.1.writes, &self.1.fail_writes_from) {
            // Like a disk that fills up in the middle of a write.
            StorageFile::write_all_at(&mut self.0, &bytes[..bytes.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        StorageFile::write_all_at(&mut self.0, bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        if due(&self.1.syncs, &self.1.fail_syncs_from) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let held = self.1.held.lock().expect("not poisoned");
        drop(self.1.released.wait_while(held, |held| *held).expect("not poisoned"));
        StorageFile::sync_data(&mut self.0)
    }
}

/// Counts a call and says whether it has to fail.
fn due(count: &AtomicUsize, from: &AtomicUsize) -> bool {
    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
    let from = from.load(Ordering::SeqCst);
    from != 0 && number >= from
}

fn large(dir: &Path, disk: &Faulty) -> Log {
    let config = LogConfig { segment_bytes: 1 << 20, ..super::support::config(dir) };
    Log::open_with(config, disk.clone()).expect("the log opens")
}

#[test]
fn what_queues_up_during_a_sync_shares_the_next_one() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = large(dir.path(), &disk);
    let before = disk.syncs();
    disk.hold();
    let order = Arc::new(Mutex::new(Vec::new()));
    for index in 0..200 {
        let order = Arc::clone(&order);
        log.append(vec![entry(index)], move |_| order.lock().expect("not poisoned").push(index));
    }
    assert!(order.lock().expect("not poisoned").is_empty(), "nothing is acknowledged before its sync");
    disk.release();
    append(&log, entries(200..201));
    assert!(disk.syncs() - before <= 3, "{} syncs for 201 appends", disk.syncs() - before);
    assert!(order.lock().expect("not poisoned").iter().copied().eq(0..200), "callbacks run in order");
}

#[test]
fn a_committed_mark_or_a_noted_vote_alone_is_not_synced() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = large(dir.path(), &disk);
    let before = disk.syncs();
    assert_eq!(wait(|done| log.save_committed(b"1".to_vec(), done)), Ok(()));
    assert_eq!(wait(|done| log.note_vote(b"2".to_vec(), done)), Ok(()));
    assert_eq!(disk.syncs(), before);
    append(&log, entries(0..1));
    assert_eq!(disk.syncs(), before + 1);
}

#[test]
fn a_failed_sync_stops_the_log_for_good() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = large(dir.path(), &disk);
    append(&log, entries(0..3));
    disk.hold();
    let pending: Vec<_> = (3..10).map(|index| queue(&log, index)).collect();
    disk.fail_syncs();
    disk.release();
    let errors: Vec<_> = pending.iter().filter_map(|answer| answer.recv().expect("called").err()).collect();
    assert!(errors.len() >= 6, "only what was being synced when the disk failed may have succeeded");
    let at_failure = disk.syncs();
    let error = wait(|done| log.save_vote(b"late".to_vec(), done)).expect_err("the log has stopped");
    assert_eq!((Some(error.clone()), &error), (log.failed(), &errors[0]));
    assert!(matches!(error, WriteError::Failed { operation: Operation::Sync, .. }), "{error}");
    assert_eq!(disk.syncs(), at_failure, "a failed sync is never tried again");
    assert_eq!(log.read(0..3, usize::MAX).expect("a stopped log can be read"), entries(0..3));
    drop(log);
    assert!(all(&open_large(dir.path())).starts_with(&entries(0..3)));
}

#[test]
fn a_full_disk_stops_the_log_and_loses_nothing_acknowledged() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = large(dir.path(), &disk);
    append(&log, entries(0..3));
    disk.fail_writes();
    let error = wait(|done| log.append(entries(3..8), done)).expect_err("the disk is full");
    assert!(matches!(error, WriteError::Failed { kind: io::ErrorKind::StorageFull, .. }), "{error}");
    assert!(wait(|done| log.purge_to(1, done)).is_err());
    drop(log);
    let log = open_large(dir.path());
    assert!(log.state().torn_bytes > 0, "half of the write reached the file");
    assert!(all(&log).starts_with(&entries(0..3)));
}

#[test]
fn a_disk_without_room_for_the_next_segment_stops_the_log_when_it_is_needed() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = open_with(dir.path(), disk.clone());
    disk.0.files_left.store(1, Ordering::SeqCst);
    let mut stored = 0;
    let error = loop {
        match wait(|done| log.append(entries(stored..stored + 1), done)) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(stored > 5 && matches!(error, WriteError::Failed { kind: io::ErrorKind::StorageFull, .. }), "{error}");
    drop(log);
    let log = open(dir.path());
    assert_eq!(all(&log), entries(0..stored));
    append(&log, entries(stored..stored + 20));
}

#[test]
fn a_spare_that_failed_is_made_again_when_there_is_room() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = open_with(dir.path(), disk.clone());
    disk.0.files_left.store(1, Ordering::SeqCst);
    append(&log, entries(0..8));
    disk.0.files_left.store(0, Ordering::SeqCst);
    append(&log, entries(8..40));
    drop(log);
    assert_eq!(all(&open(dir.path())), entries(0..40));
    let others = std::fs::read_dir(dir.path()).expect("lists").count() - segments(dir.path()).len();
    assert_eq!(others, 1, "only the lock file lies beside the segments");
}

#[test]
fn a_panic_in_a_callback_leaves_nobody_waiting() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = large(dir.path(), &disk);
    disk.hold();
    log.append(entries(0..1), |_| panic!("a callback that panics, as this test wants it"));
    let pending: Vec<_> = (1..50).map(|index| queue(&log, index)).collect();
    disk.release();
    for answer in pending {
        let answer = answer.recv_timeout(Duration::from_secs(10)).expect("every callback is called");
        assert!(matches!(answer, Ok(()) | Err(WriteError::Stopped)), "{answer:?}");
    }
    assert_eq!(wait(|done| log.save_vote(Vec::new(), done)), Err(WriteError::Stopped));
}

#[test]
fn a_panic_of_the_io_thread_leaves_nobody_waiting() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = large(dir.path(), &disk);
    disk.hold();
    let pending: Vec<_> = (0..50).map(|index| queue(&log, index)).collect();
    disk.0.panicking.store(1, Ordering::SeqCst);
    disk.release();
    for answer in pending {
        let answer = answer.recv_timeout(Duration::from_secs(10)).expect("every callback is called");
        assert!(matches!(answer, Ok(()) | Err(WriteError::Stopped)), "{answer:?}");
    }
    let late = queue(&log, 50).recv_timeout(Duration::from_secs(10)).expect("every callback is called");
    assert!(matches!(late, Err(WriteError::Stopped | WriteError::Gap { .. })), "{late:?}");
}

#[test]
fn a_full_queue_makes_callers_wait_and_goes_on() {
    let (dir, disk) = (dir(), Faulty::default());
    let log = large(dir.path(), &disk);
    disk.hold();
    let writer = std::thread::spawn({
        let log = log.clone();
        move || (0..3000).for_each(|index| drop(queue(&log, index)))
    });
    std::thread::sleep(Duration::from_millis(50));
    assert!(!writer.is_finished(), "1,024 requests are the limit");
    disk.release();
    writer.join().expect("the writer ends well");
    drop(log);
    assert_eq!(all(&open_large(dir.path())), entries(0..3000));
}

fn queue(log: &Log, index: u64) -> std::sync::mpsc::Receiver<Result<(), WriteError>> {
    let (done, answered) = answer();
    log.append(vec![entry(index)], done);
    answered
}

fn open_large(dir: &Path) -> Log {
    large(dir, &Faulty::default())
}
