//! How field devices stand: who obeys, who is locked, who is not relied on.

use serde::{Deserialize, Serialize};

/// How long devices go on obeying, as those say that are heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasesView {
    /// How many are heard.
    pub devices: usize,
    /// How many of them still hold what a leader told them last; the others follow their own safe rule.
    pub standing: usize,
    /// Milliseconds until the first of those leases ends unless a leader is heard.
    pub least_left_ms: Option<i64>,
}

/// A device that somebody has locked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// What people call it.
    pub name: String,
    /// Who has locked it.
    pub by: String,
}

/// A device that is not relied on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineView {
    /// What people call it.
    pub name: String,
    /// Why.
    pub why: String,
}
