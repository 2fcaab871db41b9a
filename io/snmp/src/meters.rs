//! What the agent counts. Handles are looked up once.

use metrics::describe_counter;
use ridethrough_door::{Counters, counted};

use crate::operation::Outcome;

const REQUESTS: &str = "ridethrough_snmp_requests_total";
const REPORTS: &str = "ridethrough_snmp_reports_total";
const DROPPED: &str = "ridethrough_snmp_dropped_total";

counted! {
    /// Why a datagram was not answered.
    pub enum Dropped {
        /// It is longer than any that is taken.
        TooLong = "too_long",
        /// There were too many lately.
        TooOften = "too_often",
        /// It is no message of SNMP.
        Malformed = "malformed",
        /// It is of version 1, of one that there is not, or of 2c where that is not configured.
        Version = "version",
        /// It is of version 2c with another community.
        Community = "community",
        /// It asks for a rack that is not there, or for another engine's.
        Context = "context",
        /// It asks for nothing: a trap, an inform, an answer.
        NoRequest = "no_request",
        /// Its answer could not be made or handed to the system.
        Unsent = "unsent",
    }
}

counted! {
    /// What version 3 tells whoever it does not answer (RFC 3414, 3.2), with its number in `usmStats`.
    pub enum Report {
        /// Neither signed nor encrypted, or not both.
        UnsupportedLevel = "unsupported_level",
        /// Signed too long ago, or for another start of this agent.
        NotInTimeWindow = "not_in_time_window",
        /// By nobody who is known.
        UnknownUser = "unknown_user",
        /// For another engine; or, without one, to find this one, which is how everybody begins.
        UnknownEngine = "unknown_engine",
        /// Signed by another key.
        WrongDigest = "wrong_digest",
        /// Not encrypted by the user's key.
        Decryption = "decryption",
    }
}

impl Report {
    /// What stands behind `usmStats`.
    pub fn number(self) -> u32 {
        self as u32 + 1
    }
}

/// The agent's metrics. Install the recorder before they are made.
pub struct Meters {
    requests: Counters<Outcome>,
    reports: Counters<Report>,
    dropped: Counters<Dropped>,
}

impl Meters {
    pub fn new() -> Self {
        describe();
        Self {
            requests: Counters::new(REQUESTS, "outcome"),
            reports: Counters::new(REPORTS, "reason"),
            dropped: Counters::new(DROPPED, "reason"),
        }
    }

    pub fn answered(&self, outcome: Outcome) {
        self.requests.count(outcome);
    }

    pub fn reported(&self, report: Report) {
        self.reports.count(report);
    }

    pub fn dropped(&self, why: Dropped) {
        self.dropped.count(why);
    }
}

fn describe() {
    describe_counter!(
        REQUESTS,
        "Requests of SNMP managers that were answered, by outcome; unknown tells them that nothing is known of the UPS"
    );
    describe_counter!(
        REPORTS,
        "Messages of SNMP version 3 that were not answered, by reason; each manager begins with one of unknown_engine"
    );
    describe_counter!(DROPPED, "Datagrams to the SNMP agent that got no answer, by reason");
}
