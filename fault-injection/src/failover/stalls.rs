//! How long the machine itself stands still meanwhile: on each core a thread that is more urgent than any of a replica wakes
//! every half millisecond and looks how late it is. Where it is late, nobody on that core could have been on time, and a leader
//! that is silent for longer than an election window is followed by an election that no program could have avoided.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

const WAKES_EVERY: Duration = Duration::from_micros(500);
/// The shortest election window of the fast pace, ms: who is silent for longer may be taken for lost.
const NOTED_FROM: Duration = Duration::from_millis(5);
/// Above a replica's most urgent thread (40) and below the kernel's interrupt threads (50).
const PRIORITY: u8 = 45;
/// Cores beyond are not watched.
const CORES_MAX: usize = 64;

/// What was seen of all cores together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stalls {
    /// Cores that were watched in real time; none where that is not allowed.
    pub cores: usize,
    /// Stalls of 5 ms or longer on any of them.
    pub noted: u64,
    /// The longest, in ms.
    pub longest_ms: f64,
}

/// Watches until it is asked.
pub struct Watch {
    ending: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Option<Core>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Core {
    noted: u64,
    longest: Duration,
}

impl Watch {
    /// Begins on every core that this process may use.
    pub fn start() -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let usable = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        let cores = (0..CORES_MAX).filter(|core| usable.is_set(*core).unwrap_or(false));
        let watched = |core| {
            let ending = Arc::clone(&ending);
            std::thread::spawn(move || claim(core).then(|| watch(&ending)))
        };
        Self { threads: cores.map(watched).collect(), ending }
    }

    /// What was seen since it began.
    pub fn end(self) -> Stalls {
        // Read alone; nothing else is published by it.
        self.ending.store(true, Ordering::Relaxed);
        let seen: Vec<Core> = self.threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect();
        let longest = seen.iter().map(|core| core.longest).max().unwrap_or_default();
        Stalls {
            cores: seen.len(),
            noted: seen.iter().map(|core| core.noted).sum(),
            longest_ms: (longest.as_secs_f64() * 1e5).round() / 1e2,
        }
    }
}

impl Stalls {
    /// For people.
    pub fn told(&self) -> String {
        let Self { cores, noted, longest_ms } = self;
        let from = NOTED_FROM.as_millis();
        match cores {
            0 => "its stalls are not known: threads in real time are not allowed".into(),
            _ => format!("{noted} stalls of {from} ms or more on {cores} cores, the longest {longest_ms:.1} ms"),
        }
    }
}

fn watch(ending: &AtomicBool) -> Core {
    let mut core = Core::default();
    let mut last = Instant::now();
    while !ending.load(Ordering::Relaxed) {
        std::thread::sleep(WAKES_EVERY);
        let now = Instant::now();
        let late = now.duration_since(last).saturating_sub(WAKES_EVERY);
        core.longest = core.longest.max(late);
        core.noted += u64::from(late >= NOTED_FROM);
        last = now;
    }
    core
}

/// Binds this thread to the core, in real time; whether both were allowed.
fn claim(core: usize) -> bool {
    let mut cores = CpuSet::new();
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let priority = ThreadPriorityValue::try_from(PRIORITY).ok().map(ThreadPriority::Crossplatform);
    let bound = cores.set(core).is_ok() && sched_setaffinity(Pid::from_raw(0), &cores).is_ok();
    bound
        && priority.is_some_and(|priority| set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_core_that_may_be_watched_in_real_time_is() {
        let watch = Watch::start();
        let threads = watch.threads.len();
        std::thread::sleep(Duration::from_millis(20));
        let stalls = watch.end();
        // Where real time is not allowed nothing is claimed.
        assert!(stalls.cores == threads || stalls.cores == 0, "{stalls:?} of {threads} cores");
        assert!(stalls.noted == 0 || stalls.longest_ms >= 5.0, "{stalls:?}");
    }
}
