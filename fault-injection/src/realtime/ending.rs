//! What is told at the end of a run: what the judges saw, how late the plant was, what became of orders.

use serde::Serialize;

use crate::field::Act;
use crate::report::Verdict;

/// How late the plant was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// Now, in ms.
    pub now_ms: u64,
    /// At worst, in ms.
    pub max_ms: u64,
    /// How many turns began 5 ms late or later.
    pub late_turns: u64,
    /// How many turns there were.
    pub turns: u64,
}

/// What devices did with orders, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Orders put in force.
    pub executed: u64,
    /// Orders answered again.
    pub duplicate: u64,
    /// Orders refused.
    pub refused: u64,
    /// Orders that expired, or whose lease did.
    pub lapsed: u64,
    /// Datagrams that could not be sent.
    pub send_failed: u64,
}

/// The last line of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ending {
    /// What the judges saw.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How late the plant was.
    pub lag: Lag,
    /// What devices did with orders.
    pub orders: Tally,
}

impl Tally {
    pub(super) fn count(&mut self, act: &Act) {
        match act {
            Act::Lapsed => self.lapsed += 1,
            Act::Order { verdict: "executed", .. } => self.executed += 1,
            Act::Order { verdict: "duplicate", .. } => self.duplicate += 1,
            Act::Order { .. } => self.refused += 1,
        }
    }
}
