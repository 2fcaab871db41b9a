//! Alarms.

use serde::{Deserialize, Serialize};

/// An alarm as the log has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmView {
    /// What `ridectl alarm ack` calls it, such as `device-quarantined:kesm-K1`.
    pub id: String,
    /// 1 is the most urgent, 3 the least.
    pub priority: u8,
    /// Its kind, such as `device-quarantined`.
    pub kind: String,
    /// The name of its page in `runbooks/`, without the ending.
    pub runbook: String,
    /// What it is about, such as `kesm K1`.
    pub about: String,
    /// What is wrong, in words.
    pub text: String,
    /// Whether what it tells of still stands.
    pub active: bool,
    /// Who has acknowledged it.
    pub acknowledged_by: Option<String>,
    /// Milliseconds for which it is still shelved.
    pub shelved_left_ms: Option<i64>,
    /// Whether it comes and goes so often that it is kept standing.
    pub chattering: bool,
    /// Milliseconds since it came last.
    pub age_ms: i64,
}
