//! What the replicated log carries: the only inputs of the [ledger](crate::ledger).

mod grant;
mod operation;
mod outcome;
mod plan;

pub use self::grant::{Grant, HOPS_MAX, Hop, LEGS_MAX, Leg, Risk, TransferId};
pub use self::operation::{Action, Operation, Shed, WORDS_BYTES_MAX};
pub use self::outcome::{ACKS_MAX, Outcome, TimedAck};
pub use self::plan::{
    CapGrant, CapReason, ChargeGrant, EVIDENCE_MAX, GeneratorGrant, ModeChange, PLAN_ITEMS_MAX, Plan, RackLoad,
    Release, ReleaseReason, Shortfall, StoredEnergy,
};
use crate::alarm::AlarmNote;
use crate::device::ReplicaId;
use crate::fallback::ForecastNote;
use crate::model::{ModelFault, ModelId};
use crate::units::Millis;

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
    /// What an operator asked for.
    Operation(Operation),
    /// The proposer does not use the model that it should.
    ModelRefused(ModelRefused),
    /// The proposer's forecasts are made by somebody else than before. A record and no more: nothing follows from it.
    Forecasts(ForecastNote),
    /// What the proposer saw come and go that wants somebody.
    Alarms(AlarmNote),
}

/// The identity of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Founding {
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// Hash of the site file that all replicas must have.
    pub site_hash: [u8; 32],
}

/// A replica's word that it forecasts by the rule, because of its model. A record and no more: nothing follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelRefused {
    /// The model that the log says decides; none when it is the one of the replica's configuration.
    pub model: Option<ModelId>,
    /// What is wrong with it there.
    pub fault: ModelFault,
}
