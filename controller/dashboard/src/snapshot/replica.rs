//! How a replica itself works: what it counts, how soon its plans were committed, how the audit of its log is.

use serde::{Deserialize, Serialize};

/// What has been counted since a replica started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Control periods that were worked.
    pub ticks: u64,
    /// Control periods that were missed and skipped.
    pub ticks_skipped: u64,
    /// Plans proposed.
    pub plans_proposed: u64,
    /// Plans that the envelope refused before they were proposed.
    pub plans_refused: u64,
    /// Proposals that were not committed in time or not by this replica.
    pub proposals_failed: u64,
    /// Orders handed to the link.
    pub orders_sent: u64,
    /// Orders that devices said are in force.
    pub orders_acked: u64,
    /// Orders that devices refused.
    pub orders_refused: u64,
}

/// When a plan passed which stage, in nanoseconds of the machine's monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// Its place in the log.
    pub index: Option<u64>,
    /// The tick began that decided it.
    pub tick_at_ns: i64,
    /// It was handed to consensus.
    pub proposed_at_ns: i64,
    /// It was known to be committed and applied.
    pub committed_at_ns: i64,
}

/// How the audit of a replica's own log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Entries under the largest checkpoint that it has signed.
    pub signed_entries: u64,
    /// Checkpoints that could not be signed, or say something else than the log does now.
    pub faults: u64,
    /// Checkpoints that were skipped because too many waited.
    pub skipped: u64,
    /// Whether the log before a snapshot is known, so that checkpoints can be signed at all.
    pub tree_known: bool,
}
