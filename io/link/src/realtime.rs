//! How urgently the threads that matter run, and where.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Who goes before whom among a replica's real-time threads. All are below the kernel's own interrupt threads (50), which
/// bring what they wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rank {
    /// The field network: what is committed goes out, and leases are kept.
    Link,
    /// Raft, its log and its network: a heartbeat that is late costs an election.
    Consensus,
    /// The control thread, whose tick may take milliseconds on a large site.
    Control,
}

impl Rank {
    const fn fifo_priority(self) -> u8 {
        match self {
            Self::Link => 40,
            Self::Consensus => 39,
            Self::Control => 30,
        }
    }
}

/// How urgently a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Real time (`SCHED_FIFO`): before every ordinary thread.
    Fifo,
    /// An ordinary thread with the most favourable niceness.
    Nice,
    /// An ordinary thread.
    Normal,
}

impl Urgency {
    /// Every one, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Fifo, Self::Nice, Self::Normal];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Nice => "nice",
            Self::Normal => "normal",
        }
    }

    fn obtain(self, rank: Rank) -> bool {
        let (priority, policy) = match self {
            Self::Fifo => (fifo(rank), ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo)),
            Self::Nice => (Some(ThreadPriority::Max), ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other)),
            Self::Normal => return true,
        };
        priority.is_some_and(|priority| set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok())
    }
}

fn fifo(rank: Rank) -> Option<ThreadPriority> {
    ThreadPriorityValue::try_from(rank.fifo_priority()).ok().map(ThreadPriority::Crossplatform)
}

/// What the system gave a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduling {
    /// How urgently it runs.
    pub urgency: Urgency,
    /// The core that it is bound to.
    pub core: Option<usize>,
}

/// Binds the calling thread to a core and gives it the most urgent policy that the system allows, but none above
/// `urgency_max`. What is refused costs latency, not safety, so it is reported and nothing more.
pub fn claim(rank: Rank, urgency_max: Urgency, core: Option<usize>) -> Scheduling {
    let core = core.filter(|core| pin(*core).is_ok());
    let allowed = Urgency::ALL.into_iter().skip_while(|urgency| *urgency != urgency_max);
    let urgency = allowed.into_iter().find(|urgency| urgency.obtain(rank)).unwrap_or(Urgency::Normal);
    Scheduling { urgency, core }
}

fn pin(core: usize) -> nix::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    // 0 is the calling thread.
    sched_setaffinity(Pid::from_raw(0), &cores)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_to_be_had_is_said() {
        let given = std::thread::spawn(|| claim(Rank::Link, Urgency::Normal, Some(1_000_000)))
            .join()
            .expect("it does not panic");
        assert_eq!(given, Scheduling { urgency: Urgency::Normal, core: None });
        let given =
            std::thread::spawn(|| claim(Rank::Link, Urgency::Normal, Some(0))).join().expect("it does not panic");
        assert_eq!(given.core, Some(0));
    }
}
