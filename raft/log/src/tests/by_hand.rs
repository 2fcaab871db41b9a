//! A log that nobody serves but the caller.

use super::support::{all, answer, config, dir, entries, open};
use crate::{Disk, Log, WriteError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn nothing_is_done_before_the_caller_does_it_and_then_all_at_once() {
    let (dir, woken) = (dir(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&woken);
    let wake = move || {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let (log, mut by_hand) = Log::open_by_hand(config(dir.path()), Disk, wake).expect("opens");
    assert!(!by_hand.serve(), "nothing was asked for");
    let ((first, first_done), (second, second_done)) = (answer(), answer());
    log.append(entries(0..2), first);
    log.append(entries(2..3), second);
    assert_eq!(woken.load(Ordering::Relaxed), 2);
    assert!(first_done.try_recv().is_err() && second_done.try_recv().is_err());
    assert_eq!(all(&log), entries(0..3), "read from memory");
    assert!(by_hand.serve());
    assert_eq!((first_done.try_recv(), second_done.try_recv()), (Ok(Ok(())), Ok(Ok(()))));
    assert!(!by_hand.serve());
}

#[test]
fn what_was_not_served_was_never_asked_for() {
    let dir = dir();
    let (log, mut by_hand) = Log::open_by_hand(config(dir.path()), Disk, || {}).expect("opens");
    log.append(entries(0..2), |_| {});
    assert!(by_hand.serve());
    let (done, answered) = answer();
    log.append(entries(2..4), done);
    drop(by_hand);
    assert_eq!(answered.try_recv(), Ok(Err(WriteError::Stopped)));
    drop(log);
    assert_eq!(all(&open(dir.path())), entries(0..2));
}
