//! Which core a thread runs on, and how it is scheduled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// One of the two cores that a bench uses: the first and the last that the process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// Where times are taken.
    Near,
    /// Where the other end is.
    Far,
}

/// How a thread is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// Before everything that is not real-time.
    Fifo,
    /// The largest share that there is without real-time.
    Nice,
    /// As anything else.
    Normal,
}

/// The crate counts from 0 to 99; this is its word for nice 0.
const NICE_ZERO: u8 = 48;

impl Scheduling {
    /// Its name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "SCHED_FIFO",
            Self::Nice => "nice -20",
            Self::Normal => "normal",
        }
    }

    /// Puts the calling thread under it, for good; false where the system does not allow that.
    pub fn adopt(self) -> bool {
        let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        let other = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        let (priority, policy) = match self {
            // The lowest: above all ordinary work, below the kernel's own threads.
            Self::Fifo => (ThreadPriority::Min, fifo),
            // The crate's word for nice -20.
            Self::Nice => (ThreadPriority::Max, other),
            Self::Normal => (
                ThreadPriorityValue::try_from(NICE_ZERO).map_or(ThreadPriority::Min, ThreadPriority::Crossplatform),
                other,
            ),
        };
        set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
    }

    /// The best that the system allows.
    pub fn best() -> Self {
        // Tried on a thread of its own, so that the caller stays as it is.
        let allowed = |scheduling: Self| thread::spawn(move || scheduling.adopt()).join().unwrap_or(false);
        [Self::Fifo, Self::Nice].into_iter().find(|scheduling| allowed(*scheduling)).unwrap_or(Self::Normal)
    }
}

/// Puts the calling thread before those that have adopted [`Scheduling::Fifo`], where that is allowed.
pub fn go_before() -> bool {
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let priority = ThreadPriorityValue::try_from(2).map_or(ThreadPriority::Min, ThreadPriority::Crossplatform);
    set_thread_priority_and_policy(thread_native_id(), priority, fifo).is_ok()
}

/// Runs the far end on its core while the near end runs on its own, from the same moment. The far end is told when the near
/// one is through.
pub fn on_both<T>(far_end: impl FnOnce(&AtomicBool) + Send, near_end: impl FnOnce() -> T) -> T {
    let (ending, ready) = (AtomicBool::new(false), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(Core::Far);
            ready.wait();
            far_end(&ending);
        });
        pin(Core::Near);
        // Sleeps: a real-time thread that spun here would not let the new one leave its core.
        ready.wait();
        let result = near_end();
        ending.store(true, Ordering::Relaxed);
        result
    })
}

/// Keeps the calling thread on one core. Where the system does not allow it, it stays where it is.
pub fn pin(core: Core) {
    let Some(number) = number(core) else { return };
    let mut set = CpuSet::new();
    if set.set(number).is_ok() {
        // Without it the figures are noisier, not wrong.
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

/// Lets the calling thread run on all cores again.
pub fn unpin() {
    let mut set = CpuSet::new();
    for number in allowed() {
        // It was in a set of the same size.
        let _ = set.set(number);
    }
    let _ = sched_setaffinity(Pid::from_raw(0), &set);
}

/// How many cores the process may use.
pub fn count() -> usize {
    allowed().len()
}

/// The number that the system has for it.
pub fn number(core: Core) -> Option<usize> {
    let allowed = allowed();
    match core {
        Core::Near => allowed.first().copied(),
        Core::Far => allowed.last().copied(),
    }
}

/// The main thread's, which no bench pins before it was read for the first time.
fn allowed() -> Vec<usize> {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    let read = || {
        let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        (0..CpuSet::count()).filter(|number| set.is_set(*number).unwrap_or(false)).collect()
    };
    ALLOWED.get_or_init(read).clone()
}
