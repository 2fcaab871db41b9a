//! What happened when, and what a run came to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checks::Check;
use super::seen::Sample;

/// At most so many events are kept; what comes beyond is counted.
const EVENTS_MAX: usize = 10_000;
/// At most so many samples: an hour of ten a second.
const SAMPLES_MAX: usize = 36_000;

/// What a run came to, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything held.
    Passed,
    /// Something did not hold.
    Failed,
    /// It was broken off.
    Aborted,
    /// The cluster may not be drilled.
    Refused,
}

impl Verdict {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Refused => "refused",
        }
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The drill itself.
    Drill,
    /// A fault begins, is seen to work, or ends.
    Fault,
    /// Who leads.
    Leader,
    /// Devices and what they are told.
    Devices,
    /// The plant.
    Plant,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Since the steady state, in s; negative before.
    pub t_s: f64,
    /// What it is about.
    pub about: About,
    /// What it was.
    pub text: String,
}

/// A fault as it went.
#[derive(Clone, Debug, Serialize)]
pub struct FaultSpan {
    /// What was done.
    pub text: String,
    /// When, in s since the steady state.
    pub from_s: f64,
    /// When it was ended.
    pub until_s: f64,
}

/// All of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Which drill.
    pub drill: String,
    /// What it does.
    pub about: String,
    /// Its row of the fault matrix.
    pub row: String,
    /// The invariants that it tries.
    pub keeps: Vec<String>,
    /// What it came to.
    pub verdict: Verdict,
    /// What all dice came from.
    pub seed: u64,
    /// What to type for the same again.
    pub command: String,
    /// When it began, in s since 1970.
    pub began_unix_s: u64,
    /// From the steady state to the end, in s.
    pub seconds: f64,
    /// What was judged.
    pub checks: Vec<Check>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Events beyond those.
    pub events_left_out: usize,
    /// Faults as they went.
    pub faults: Vec<FaultSpan>,
    /// Everything in numbers, about five times a second.
    pub samples: Vec<Sample>,
    /// What the audit of the logs and of the devices' records said.
    pub audit: Value,
    /// The entry that says that it began.
    pub begun_at_index: Option<u64>,
}

impl Outcome {
    /// Takes an event down.
    pub(super) fn note(&mut self, t_s: f64, about: About, text: String) {
        if self.events.len() == EVENTS_MAX {
            self.events_left_out += 1;
            return;
        }
        self.events.push(Event { t_s, about, text });
    }

    /// Takes a sample down.
    pub(super) fn sample(&mut self, sample: Sample) {
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(sample);
        }
    }
}
