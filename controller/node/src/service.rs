//! The service manager is told when this replica is ready, and that its control loop ticks. Where none started it, nobody is told.
//!
//! A thread of its own does it: to tell is a system call that may wait, which the control thread must not. It tells nothing unless
//! the loop has ticked since, so a loop that hangs is found out and the replica started again, while another one leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};

/// How often a loop is looked at of which the manager wants to know nothing more than that it began.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The manager is told so often within its patience.
const TIMES: u32 = 4;

/// Ticks of the control loop, counted by it.
#[derive(Clone, Debug, Default)]
pub struct Beat(Arc<AtomicU64>);

impl Beat {
    /// One more.
    pub fn tick(&self) {
        // Read alone; nothing else is published by it.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Begins to tell; the thread ends with the process.
pub fn start(beat: Beat) -> std::io::Result<()> {
    let patience = watchdog_enabled();
    let every = patience.map_or(LOOK_EVERY, |patience| patience / TIMES);
    let told = move || {
        let mut last = 0;
        loop {
            std::thread::sleep(every);
            let count = beat.count();
            if count == last {
                continue;
            }
            // Who does not hear it cannot be told so.
            let _ = match (last, patience) {
                (0, _) => notify(&[NotifyState::Ready, NotifyState::Status("the control loop ticks")]),
                (_, Some(_)) => notify(&[NotifyState::Watchdog]),
                (_, None) => return,
            };
            last = count;
        }
    };
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        std::thread::Builder::new().name("service".into()).spawn(told)?;
    }
    Ok(())
}

/// Tells that this replica is about to end because it was told to.
pub fn stopping() {
    let _ = notify(&[NotifyState::Stopping]);
}
