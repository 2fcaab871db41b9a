//! Transfers in force, and those that a replica's own numbers do not bear out.

use serde::{Deserialize, Serialize};

/// A transfer in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// Its name in the log.
    pub id: String,
    /// Who receives.
    pub rack: String,
    /// Sources and paths, such as `K2 via A3-A4`.
    pub from: Vec<String>,
    /// At most so much reaches the rack.
    pub watts: i64,
    /// Milliseconds until it ends unless renewed.
    pub left_ms: i64,
    /// Whether all its devices are known to act on it.
    pub acked: bool,
    /// How far it has come: `supplying`, `drawing` or `held`.
    #[serde(default)]
    pub phase: String,
    /// The same sources and paths, in parts.
    #[serde(default)]
    pub legs: Vec<LegView>,
}

/// One source of a transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegView {
    /// The module.
    pub kesm: String,
    /// Ties from the module's rack to the receiver, in order.
    pub ties: Vec<String>,
    /// At most so much leaves the module.
    pub supplied_watts: i64,
    /// At most so much of it reaches the rack.
    pub delivered_watts: i64,
}

/// A transfer that this replica's own numbers do not bear out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeView {
    /// Its name in the log.
    pub transfer: String,
    /// Who receives.
    pub rack: String,
    /// Why.
    pub why: String,
}
