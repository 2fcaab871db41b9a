//! What goes wrong when, drawn from the seed. Each seed draws which kinds of faults there are at all, and how often.

use std::fmt;

use crate::dice::Dice;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A process is killed and started again: its connections are reset at once.
    Kill,
    /// Whoever leads is killed.
    KillLeader,
    /// All three are killed, one after the other or at once.
    KillAll,
    /// A replica falls silent and loses what its disk had not stored; later it starts.
    PowerCut,
    /// All three lose power at once.
    PowerCutAll,
    /// A replica's disk is lost, once in a run; it starts with an empty one.
    DiskLost,
    /// Two replicas do not reach each other; what was under way is lost.
    Partition,
    /// One does not reach another, which reaches it.
    OneWay,
    /// One reaches nobody.
    Isolate,
    /// The leader reaches nobody; as soon as another leads, who voted for that one is killed or loses power for a moment, the old
    /// leader is back, and the new one is cut off: whatever the voter has promised must hold.
    TurnedTables,
    /// A follower does not reach the leader, who has nothing to say, and wants to be elected; whose vote it lacks is killed and back in a moment, and the
    /// leader cut off: the vote must wait for the lease that the voter had acknowledged before.
    RestartedVoter,
    /// Between two replicas nothing arrives for a while, and then all of it.
    Hold,
    /// Words between two replicas take longer, each as long as it likes.
    Weather,
    /// A disk takes long.
    SlowDisk,
    /// The leader hands over, as before maintenance.
    HandOver,
    /// A replica takes a snapshot and hides what is behind it, so that who lags behind needs it.
    Compact,
    /// A process stands still; what comes for it waits at its host, and its clock goes on.
    Freeze,
    /// The leader's does.
    FreezeLeader,
    /// All three do.
    FreezeAll,
    /// A host's clock runs too fast or too slow.
    Drift,
    /// A member is stopped for good, forgotten, and another comes in its place, with an empty folder.
    ReplaceStopped,
    /// The same, but the member runs on, and finds out by itself that it is none any more.
    ReplaceLiving,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Kill,
        Self::KillLeader,
        Self::KillAll,
        Self::PowerCut,
        Self::PowerCutAll,
        Self::DiskLost,
        Self::Partition,
        Self::OneWay,
        Self::Isolate,
        Self::TurnedTables,
        Self::RestartedVoter,
        Self::Hold,
        Self::Weather,
        Self::SlowDisk,
        Self::HandOver,
        Self::Compact,
        Self::Freeze,
        Self::FreezeLeader,
        Self::FreezeAll,
        Self::Drift,
        Self::ReplaceStopped,
        Self::ReplaceLiving,
    ];

    /// Whether it concerns whoever leads when it begins.
    pub fn is_of_the_leader(self) -> bool {
        matches!(
            self,
            Self::KillLeader | Self::HandOver | Self::TurnedTables | Self::RestartedVoter | Self::FreezeLeader
        )
    }

    /// Whether processes stand still in it.
    fn freezes(self) -> bool {
        matches!(self, Self::Freeze | Self::FreezeLeader | Self::FreezeAll)
    }

    /// How long it lasts at least: those of two acts need their time.
    fn least_ms(self) -> u64 {
        match self {
            Self::TurnedTables | Self::RestartedVoter => 1_000,
            _ => 1,
        }
    }

    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillLeader => "kill_leader",
            Self::KillAll => "kill_all",
            Self::PowerCut => "power_cut",
            Self::PowerCutAll => "power_cut_all",
            Self::DiskLost => "disk_lost",
            Self::Partition => "partition",
            Self::OneWay => "one_way",
            Self::Isolate => "isolate",
            Self::TurnedTables => "turned_tables",
            Self::RestartedVoter => "restarted_voter",
            Self::Hold => "hold",
            Self::Weather => "weather",
            Self::SlowDisk => "slow_disk",
            Self::HandOver => "hand_over",
            Self::Compact => "compact",
            Self::Freeze => "freeze",
            Self::FreezeLeader => "freeze_leader",
            Self::FreezeAll => "freeze_all",
            Self::Drift => "drift",
            Self::ReplaceStopped => "replace_stopped",
            Self::ReplaceLiving => "replace_living",
        }
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its number in the plan.
    pub nth: usize,
    /// What.
    pub kind: Kind,
    /// When it begins.
    pub at_ms: u64,
    /// When it ends, or what it did to a replica does.
    pub until_ms: u64,
    /// Whom it concerns, by seats from 1 to 3 until it begins and by hosts from then on; who leads is known only then.
    pub whom: u16,
    /// The other one, where it concerns two.
    pub other: u16,
    /// How hard, in milliseconds, where that means something.
    pub hard_ms: u64,
}

/// Who does not keep what the replicas rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liar {
    /// Nobody.
    None,
    /// Disks say that they have stored what they have not.
    Disks,
    /// Clocks stand still while their processes do.
    Clocks,
}

/// The plan of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where all choices come from.
    pub seed: u64,
    /// Until when faults begin.
    pub ends_ms: u64,
    /// What does not keep what the replicas rely on: then a violation must be found.
    pub liar: Liar,
    /// In the order in which they begin.
    pub faults: Vec<Fault>,
}

/// The replicas need so long to found their cluster.
const QUIET_MS: u64 = 1_000;
/// Shortest time from one fault to the next.
const PAUSE_MS_MIN: u64 = 20;
/// Longest time from one fault to the next, but for that.
const PAUSE_MS_MAX: u64 = 1_500;
/// Longest fault.
const LONG_MS_MAX: u64 = 2_500;
/// What words and disks take in a run where that is a fault, at most: hardly anything, less than a lease, and more.
const HARD_MS_MAX: [u64; 3] = [20, 60, 200];

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64, ends_ms: u64) -> Self {
        let mut dice = Dice::new(seed, 1);
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|_| dice.below(2) == 0).collect();
        let kinds = if kinds.is_empty() { Kind::ALL.to_vec() } else { kinds };
        // Some runs are busy, some have time to recover.
        let pause_ms_max = 1 + dice.below(PAUSE_MS_MAX);
        let long_ms_max = 1 + dice.below(LONG_MS_MAX);
        let hard_ms_max = HARD_MS_MAX[usize::try_from(dice.below(3)).unwrap_or(0)];
        let (mut faults, mut at_ms, mut disk_lost) = (Vec::new(), QUIET_MS, false);
        while at_ms < ends_ms {
            let kind = kinds[usize::try_from(dice.below(kinds.len() as u64)).unwrap_or(0)];
            let whom = 1 + u16::try_from(dice.below(3)).unwrap_or(0);
            let other = (whom + u16::try_from(dice.below(2)).unwrap_or(0)) % 3 + 1;
            let (until_ms, hard_ms) = (at_ms + kind.least_ms() + dice.below(long_ms_max), 1 + dice.below(hard_ms_max));
            // As often within a lease as far beyond an election.
            let until_ms = if kind.freezes() && dice.below(2) == 0 { at_ms + hard_ms } else { until_ms };
            // A second disk could take with it what only the first had.
            if kind != Kind::DiskLost || !std::mem::replace(&mut disk_lost, true) {
                faults.push(Fault { nth: faults.len(), kind, at_ms, until_ms, whom, other, hard_ms });
            }
            at_ms += PAUSE_MS_MIN + dice.below(pause_ms_max);
        }
        Self { seed, ends_ms, liar: Liar::None, faults }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nth, kind, at_ms, until_ms, whom, other, hard_ms } = self;
        write!(f, "{nth}: {} n{whom} (n{other}, {hard_ms} ms) from {at_ms} to {until_ms} ms", kind.name())
    }
}
