//! What the agent counts. Handles are looked up once.

use metrics::{Counter, counter, describe_counter};

use crate::operation::Outcome;

const REQUESTS: &str = "ridethrough_snmp_requests_total";
const REPORTS: &str = "ridethrough_snmp_reports_total";
const DROPPED: &str = "ridethrough_snmp_dropped_total";

/// Why a datagram was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is longer than any that is taken.
    TooLong,
    /// There were too many lately.
    TooOften,
    /// It is no message of SNMP.
    Malformed,
    /// It is of version 1, of one that there is not, or of 2c where that is not configured.
    Version,
    /// It is of version 2c with another community.
    Community,
    /// It asks for a rack that is not there, or for another engine's.
    Context,
    /// It asks for nothing: a trap, an inform, an answer.
    NoRequest,
    /// Its answer could not be made or handed to the system.
    Unsent,
}

impl Dropped {
    const ALL: [(Self, &str); 8] = [
        (Self::TooLong, "too_long"),
        (Self::TooOften, "too_often"),
        (Self::Malformed, "malformed"),
        (Self::Version, "version"),
        (Self::Community, "community"),
        (Self::Context, "context"),
        (Self::NoRequest, "no_request"),
        (Self::Unsent, "unsent"),
    ];
}

/// What version 3 tells whoever it does not answer (RFC 3414, 3.2), with its number in `usmStats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Neither signed nor encrypted, or not both.
    UnsupportedLevel = 1,
    /// Signed too long ago, or for another start of this agent.
    NotInTimeWindow = 2,
    /// By nobody who is known.
    UnknownUser = 3,
    /// For another engine; or, without one, to find this one, which is how everybody begins.
    UnknownEngine = 4,
    /// Signed by another key.
    WrongDigest = 5,
    /// Not encrypted by the user's key.
    Decryption = 6,
}

impl Report {
    const ALL: [(Self, &str); 6] = [
        (Self::UnsupportedLevel, "unsupported_level"),
        (Self::NotInTimeWindow, "not_in_time_window"),
        (Self::UnknownUser, "unknown_user"),
        (Self::UnknownEngine, "unknown_engine"),
        (Self::WrongDigest, "wrong_digest"),
        (Self::Decryption, "decryption"),
    ];
}

/// The agent's metrics. Install the recorder before they are made.
pub struct Meters {
    requests: [Counter; Outcome::ALL.len()],
    reports: [Counter; Report::ALL.len()],
    dropped: [Counter; Dropped::ALL.len()],
}

impl Meters {
    pub fn new() -> Self {
        describe();
        Self {
            requests: Outcome::ALL.map(|(_, name)| counter!(REQUESTS, "outcome" => name)),
            reports: Report::ALL.map(|(_, name)| counter!(REPORTS, "reason" => name)),
            dropped: Dropped::ALL.map(|(_, name)| counter!(DROPPED, "reason" => name)),
        }
    }

    pub fn answered(&self, outcome: Outcome) {
        self.requests[outcome as usize].increment(1);
    }

    pub fn reported(&self, report: Report) {
        self.reports[report as usize - 1].increment(1);
    }

    pub fn dropped(&self, why: Dropped) {
        self.dropped[why as usize].increment(1);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        for (nth, (why, name)) in Dropped::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, nth, "{name}");
        }
        for (nth, (report, name)) in Report::ALL.into_iter().enumerate() {
            assert_eq!(report as usize, nth + 1, "{name}");
        }
        for (nth, (outcome, name)) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, nth, "{name}");
        }
    }
}
