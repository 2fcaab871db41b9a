//! What was decided, and by which numbers: what people ask for first.

use serde::{Deserialize, Serialize};

use crate::snapshot::LegView;

/// One decision that stands in the log, or one that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// What tells it from others; it stays the same while the decision is renewed.
    pub key: String,
    /// `transfer`, `cap`, `mode`, `hold`, `shortfall` or `refusal`.
    pub kind: String,
    /// What was decided, in words.
    pub what: String,
    /// Why, in words.
    pub why: String,
    /// Ledger time at which it was made, in milliseconds; the snapshot tells what that is now.
    pub at_ms: i64,
    /// The newest entry of the log that it stands in; none for what never came into the log.
    pub index: Option<u64>,
    /// The term of that entry's orders; none where it has none.
    pub term: Option<u64>,
    /// Its name in the log as it stands now, such as `29.0`, for `ridectl audit explain`.
    pub id: Option<String>,
    /// How often it was renewed or changed since, or refused again.
    pub renewed: u32,
    /// How far it has come, or how it ended.
    pub state: String,
    /// Ledger time at which it ended, in milliseconds; none while it stands.
    pub ended_ms: Option<i64>,
    /// The rack that it is about.
    pub rack: Option<String>,
    /// The numbers that it was made on.
    pub risk: Option<RiskView>,
    /// Draw of the rack above which help begins.
    pub help_above_watts: Option<i64>,
    /// Its sources and paths.
    pub legs: Vec<LegView>,
    /// What devices said to its orders; only the leader that sent them knows.
    pub acks: Vec<AckView>,
}

/// The numbers that a decision was made on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskView {
    /// What the rack's servers took.
    pub present_watts: i64,
    /// Forecast median at the horizon.
    pub p50_watts: i64,
    /// Forecast 99th percentile at the horizon.
    pub p99_watts: i64,
    /// Median of the maximum until the horizon: what makes the planner act.
    pub peak_p50_watts: i64,
    /// 99th percentile of the maximum until the horizon: what is covered.
    pub peak_p99_watts: i64,
    /// How far the forecast looks, in milliseconds.
    pub horizon_ms: i64,
    /// What made the forecast.
    pub source: String,
    /// What the rack's breaker carries.
    pub limit_watts: i64,
    /// The distance that is kept from it.
    pub margin_watts: i64,
}

/// A device's word on an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckView {
    /// What people call the device.
    pub device: String,
    /// What it said, such as `executed`.
    pub verdict: String,
    /// Microseconds from the first sending of the order.
    pub after_us: u32,
}
