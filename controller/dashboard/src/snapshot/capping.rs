//! Less for the servers of racks.

use serde::{Deserialize, Serialize};

/// Less for the servers of a rack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapView {
    /// The rack.
    pub rack: String,
    /// At most so much for its servers together.
    pub cap_watts: i64,
    /// Servers of a higher tier are shut down.
    pub tiers_kept: u8,
    /// Why.
    pub reason: String,
    /// Milliseconds until it ends unless renewed.
    pub left_ms: i64,
}

/// Less for the servers of a rack, as an operator asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShedView {
    /// The rack.
    pub rack: String,
    /// At most so much for its servers together.
    pub cap_watts: i64,
    /// Milliseconds until it ends.
    pub left_ms: i64,
}
