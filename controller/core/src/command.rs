//! What the replicated log carries: the only inputs of the [ledger](crate::ledger).

use std::fmt;

use crate::device::{Ack, Direction, ReplicaId};
use crate::forecast::RackForecast;
use crate::site::{KesmId, RackId, TieId};
use crate::units::{Joules, Millis, Watts};

/// At most so many grants, releases, charges or shortfalls in one plan.
pub const PLAN_ITEMS_MAX: usize = 1_024;
/// At most so many sources serve one rack.
pub const LEGS_MAX: usize = 8;
/// At most so many ties lie on one path.
pub const HOPS_MAX: usize = 8;
/// At most so many acks in one outcome.
pub const ACKS_MAX: usize = 128;

/// One entry of the log, as its proposer made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was proposed. Replicated code takes time from here and from nowhere else.
    pub stamp: Stamp,
    /// The replica that proposed it.
    pub by: ReplicaId,
    /// The ledger that the proposer saw: every replica, and every auditor, compares its own with it.
    pub seen: Seen,
    /// What is to be done.
    pub command: Command,
}

/// A moment, on two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Ledger time: rises from entry to entry, driven by monotonic clocks only. Every expiry is told in it.
    pub at: Millis,
    /// Milliseconds of Unix time on the proposer's wall clock, for people. Nothing is decided by it.
    pub wall_unix_ms: i64,
}

/// A state of the ledger, named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Log index of the last entry applied; 0 before any.
    pub index: u64,
    /// State hash after it.
    pub hash: [u8; 32],
}

/// Where an entry stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Raft term of the entry.
    pub term: u64,
    /// The leader of that term that appended it.
    pub leader: ReplicaId,
    /// Log index.
    pub index: u64,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The first of all: binds the log to a cluster and a site.
    Found(Founding),
    /// What one tick decided.
    Plan(Plan),
    /// What devices made of the orders of a transfer.
    Outcome(Outcome),
}

/// The identity of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Founding {
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// Hash of the site file that all replicas must have.
    pub site_hash: [u8; 32],
}

/// What one tick decided, for all racks together: admitted whole or refused whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Transfers to make, renew or change; one for a rack replaces the one it has.
    pub grants: Vec<Grant>,
    /// Transfers to end.
    pub releases: Vec<Release>,
    /// Flywheels that may spin up.
    pub charges: Vec<ChargeGrant>,
    /// Racks at risk whose need could not be met.
    pub shortfalls: Vec<Shortfall>,
    /// Stored energy of the modules named above, as measured when the plan was made.
    pub stored: Vec<StoredEnergy>,
}

impl Plan {
    /// Whether it changes nothing and says nothing.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.releases.is_empty() && self.charges.is_empty() && self.shortfalls.is_empty()
    }
}

/// Power from KESMs to a rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who receives.
    pub rack: RackId,
    /// From where, over which ties, how much.
    pub legs: Vec<Leg>,
    /// Why.
    pub risk: Risk,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// One source of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The source.
    pub kesm: KesmId,
    /// Ties from the source's rack to the receiver, in order; none when the source sits on the receiver's bus.
    pub path: Vec<Hop>,
    /// The most that the source gives to its bus.
    pub supplied: Watts,
    /// The most that reaches the receiver's bus.
    pub delivered: Watts,
}

/// One tie of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    /// The tie.
    pub tie: TieId,
    /// The way through it.
    pub direction: Direction,
}

/// Why a rack needs help: the numbers that the decision was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Risk {
    /// What its servers took.
    pub present: Watts,
    /// What they may come to take.
    pub forecast: RackForecast,
    /// What its breaker carries.
    pub limit: Watts,
    /// The distance kept from the limit.
    pub margin: Watts,
}

/// The end of a transfer before its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Whose transfer.
    pub rack: RackId,
    /// Why.
    pub reason: ReleaseReason,
}

/// Why a transfer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The forecast has stayed below the limit less two margins.
    ForecastFell,
    /// A source refuses or cannot act, and the rack can do without.
    DeviceFailed,
}

/// Leave for a flywheel to spin up from its rack's headroom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargeGrant {
    /// Whose.
    pub kesm: KesmId,
    /// At most so much from the bus.
    pub charge_max: Watts,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// A rack at risk whose need no source could meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Which.
    pub rack: RackId,
    /// Why it is at risk.
    pub risk: Risk,
    /// What is not covered.
    pub uncovered: Watts,
}

/// Usable energy of a module, as measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredEnergy {
    /// Whose.
    pub kesm: KesmId,
    /// How much.
    pub stored: Joules,
}

/// A transfer's name: the entry that granted it and its place there. Printed as `index.nth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId {
    /// Log index of the entry.
    pub index: u64,
    /// Place among the grants of the entry.
    pub nth: u16,
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.nth)
    }
}

impl std::str::FromStr for TransferId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}`: expected an entry and a place, such as `184.0`");
        let (index, nth) = text.split_once('.').ok_or_else(expected)?;
        Ok(Self { index: index.parse().map_err(|_| expected())?, nth: nth.parse().map_err(|_| expected())? })
    }
}

/// What devices made of the orders of one transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which transfer.
    pub transfer: TransferId,
    /// What each device said.
    pub acks: Vec<TimedAck>,
}

/// A device's word and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedAck {
    /// What it said.
    pub ack: Ack,
    /// Microseconds from the first sending of the order to its ack.
    pub after_us: u32,
}

impl crate::site::Site {
    /// A source and its path for people, such as `K2 via A3-A4, A4-A5`. The leg must be of this site.
    pub fn leg_name(&self, leg: &Leg) -> String {
        let source = &self.kesm(leg.kesm).name;
        if leg.path.is_empty() {
            return source.clone();
        }
        let ties: Vec<&str> = leg.path.iter().map(|hop| self.tie(hop.tie).name.as_str()).collect();
        format!("{source} via {}", ties.join(", "))
    }
}
