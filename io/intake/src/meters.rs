//! What the intake counts. Handles are looked up once.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use ridethrough_door::{Counters, counted};

use crate::tally::{Fate, Tally};

counted! {
    /// What became of a request.
    pub enum Outcome {
        /// All of it was taken or ignored.
        Ok = "ok",
        /// Some of its samples were refused.
        Partial = "partial",
        /// It is not what its headers say.
        Malformed = "malformed",
        /// A type or compression that is not understood.
        Unsupported = "unsupported",
        /// Longer, or with more in it, than is borne.
        TooLarge = "too_large",
        /// Without the token.
        Unauthorized = "unauthorized",
        /// More requests in a second than are borne.
        Rate = "rate",
        /// More requests at once than are borne.
        Busy = "busy",
        /// Its body did not arrive in time, or not to its end.
        Slow = "slow",
        /// No POST to the path.
        Elsewhere = "elsewhere",
    }
}

/// The intake's metrics. Install the recorder before they are made.
pub struct Meters {
    requests: Counters<Outcome>,
    samples: [Counter; Fate::ALL.len()],
    connections_refused: Counter,
    seconds: Histogram,
}

impl Meters {
    pub fn new() -> Self {
        describe();
        Self {
            requests: Counters::new("ridethrough_intake_requests_total", "reason"),
            samples: Fate::ALL.map(|fate| {
                let name = if fate.is_refusal() { REFUSED } else { ACCEPTED };
                counter!(name, "reason" => fate.as_str())
            }),
            connections_refused: counter!("ridethrough_intake_connections_refused_total", "reason" => "too_many"),
            seconds: histogram!("ridethrough_intake_seconds"),
        }
    }

    pub fn request(&self, outcome: Outcome) {
        self.requests.count(outcome);
    }

    pub fn tally(&self, tally: &Tally, took: Duration) {
        for (fate, counter) in Fate::ALL.into_iter().zip(&self.samples) {
            counter.increment(tally.count(fate));
        }
        self.seconds.record(took.as_secs_f64());
    }

    pub fn connection_refused(&self) {
        self.connections_refused.increment(1);
    }
}

const ACCEPTED: &str = "ridethrough_intake_samples_total";
const REFUSED: &str = "ridethrough_intake_samples_refused_total";

fn describe() {
    describe_counter!("ridethrough_intake_requests_total", "Remote-write requests by what became of them");
    describe_counter!(ACCEPTED, "Samples that came by remote-write and were taken, or ignored as the mapping says");
    describe_counter!(REFUSED, "Samples that came by remote-write and were refused, by reason");
    describe_counter!(
        "ridethrough_intake_connections_refused_total",
        "Connections that were closed at once because there were too many"
    );
    describe_histogram!("ridethrough_intake_seconds", "Work on one remote-write request, without its arrival");
}
