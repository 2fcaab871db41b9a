//! Faults that people cause on purpose.

use serde::{Deserialize, Serialize};

/// A drill, as the log tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillView {
    /// Its name.
    pub name: String,
    /// What its dice come from.
    pub seed: u64,
    /// `begun`, `refused`, `held`, `failed` or `aborted`.
    pub stage: String,
    /// Who asked for it.
    pub by: String,
    /// The entry that told of it first.
    pub index: u64,
    /// Ledger time of that entry in milliseconds.
    pub began_ms: i64,
    /// Ledger time of its end; none while it goes on.
    pub ended_ms: Option<i64>,
}
