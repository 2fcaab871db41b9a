//! Every rule weakened in turn, and the property that then breaks: how we know that each rule is needed, and that the
//! model would see it.

use super::bounds::Bounds;
use super::properties::{COMMIT_BEFORE_ACTUATE, DURABLE, FAIL_SAFE, FENCING, ONCE, ONE_SENDER, SUPPLY_FIRST};
use super::rules::{Begins, FenceRule, Gate, Lease, Leaves, Memory, Restart, Rules, Seats, Sends, Votes};

/// The shipped rules with one of them weakened.
#[derive(Clone, Copy, Debug)]
pub struct Weakened {
    /// What is different, for people.
    pub name: &'static str,
    /// The rules.
    pub rules: Rules,
    /// Bounds within which it shows.
    pub bounds: Bounds,
    /// What breaks, each by itself.
    pub breaks: &'static [&'static str],
}

const SHIPPED: Rules = Rules::SHIPPED;
const ONE_FAILOVER: Bounds = Bounds { terms: 2, acts: 2, hold: 2, lease: 2, promise: 1, handovers: false };
const NO_FAILOVER: Bounds = Bounds { terms: 1, ..ONE_FAILOVER };

/// Every rule weakened in turn.
pub const WEAKENED: &[Weakened] = &[
    Weakened {
        name: "orders are sent before they are committed",
        rules: Rules { sends: Sends::Uncommitted, ..SHIPPED },
        bounds: NO_FAILOVER,
        breaks: &[COMMIT_BEFORE_ACTUATE],
    },
    Weakened {
        name: "devices have no fence",
        rules: Rules { fence: FenceRule::Absent, ..SHIPPED },
        bounds: NO_FAILOVER,
        breaks: &[FENCING, ONCE],
    },
    Weakened {
        name: "fences are compared as (leader term, index)",
        rules: Rules { fence: FenceRule::LeaderTermFirst, ..SHIPPED },
        bounds: ONE_FAILOVER,
        breaks: &[ONCE],
    },
    // One of the two alone breaks nothing within these bounds: a leader that has caught up sends nothing older than what its
    // predecessors sent, and the fence that ships refuses what one that has not sends.
    Weakened {
        name: "fences are compared as (entry term, index), and a new leader begins before it has caught up",
        rules: Rules { fence: FenceRule::EntryTermFirst, begins: Begins::AtOnce, ..SHIPPED },
        bounds: Bounds { lease: 1, ..ONE_FAILOVER },
        breaks: &[FENCING],
    },
    Weakened {
        name: "devices lose their fence when they reboot",
        rules: Rules { memory: Memory::LostAtReboot, ..SHIPPED },
        bounds: NO_FAILOVER,
        breaks: &[FENCING, ONCE],
    },
    Weakened {
        name: "a beat gives a whole lease whenever it comes",
        rules: Rules { lease: Lease::FromArrival, ..SHIPPED },
        // An order must be able to outlive a lease.
        bounds: Bounds { hold: 3, ..NO_FAILOVER },
        breaks: &[FAIL_SAFE],
    },
    Weakened {
        name: "the sink's order does not wait for the source",
        rules: Rules { gate: Gate::Absent, ..SHIPPED },
        bounds: NO_FAILOVER,
        breaks: &[SUPPLY_FIRST],
    },
    Weakened {
        name: "the sink's order does not wait where the sink was heard to draw as much",
        rules: Rules { gate: Gate::TrustsTheSink, ..SHIPPED },
        bounds: NO_FAILOVER,
        breaks: &[SUPPLY_FIRST],
    },
    Weakened {
        name: "a restarted replica forgets what it promised",
        rules: Rules { restart: Restart::ForgetsPromise, ..SHIPPED },
        bounds: ONE_FAILOVER,
        breaks: &[ONE_SENDER],
    },
    Weakened {
        name: "a follower believes a candidate that the leader is gone",
        rules: Rules { seats: Seats::Claimed, ..SHIPPED },
        bounds: ONE_FAILOVER,
        breaks: &[ONE_SENDER],
    },
    Weakened {
        name: "a leader that hands over tells its successor before it falls silent",
        rules: Rules { leaves: Leaves::ToldFirst, ..SHIPPED },
        bounds: Bounds { handovers: true, ..ONE_FAILOVER },
        breaks: &[ONE_SENDER],
    },
    Weakened {
        name: "replicas vote for candidates whose log is behind",
        rules: Rules { votes: Votes::AnyLog, ..SHIPPED },
        bounds: ONE_FAILOVER,
        breaks: &[DURABLE],
    },
];

/// What holds all the same: a new leader that begins before it has caught up sends orders that are overtaken, and the
/// fence refuses them.
pub const HELD_BY_THE_FENCE: (Bounds, Rules) = (
    Bounds { terms: 2, acts: 2, hold: 2, lease: 1, promise: 1, handovers: false },
    Rules { begins: Begins::AtOnce, ..SHIPPED },
);
