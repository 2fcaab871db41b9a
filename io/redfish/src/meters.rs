//! What the service counts. Handles are looked up once.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

const REQUESTS: &str = "ridethrough_redfish_requests_total";
const ENDED: &str = "ridethrough_redfish_connections_ended_total";

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered.
    Ok,
    /// Nobody knows how the site is now.
    Stale,
    /// Who asks is nobody, or is wrong about the password.
    Unauthorized,
    /// Passwords from there are not looked at for a while.
    Barred,
    /// There is nothing there.
    Missing,
    /// It was to change something.
    Refused,
    /// It was not understood.
    Malformed,
    /// There was no room for a session.
    Full,
}

impl Outcome {
    const ALL: [(Self, &str); 8] = [
        (Self::Ok, "ok"),
        (Self::Stale, "stale"),
        (Self::Unauthorized, "unauthorized"),
        (Self::Barred, "barred"),
        (Self::Missing, "missing"),
        (Self::Refused, "refused"),
        (Self::Malformed, "malformed"),
        (Self::Full, "full"),
    ];
}

/// Why a connection was ended or not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There were too many.
    TooMany,
    /// There were too many from its address.
    TooManyOfAddress,
    /// It did not agree on TLS, or not in time.
    Tls,
    /// What it said was no HTTP, or did not come in time.
    Http,
    /// It had been there for long, and did not go when it was asked to.
    Late,
}

impl Ended {
    const ALL: [(Self, &str); 5] = [
        (Self::TooMany, "too_many"),
        (Self::TooManyOfAddress, "too_many_of_address"),
        (Self::Tls, "tls"),
        (Self::Http, "http"),
        (Self::Late, "late"),
    ];
}

/// The service's metrics. Install the recorder before they are made.
pub(crate) struct Meters {
    requests: [Counter; Outcome::ALL.len()],
    ended: [Counter; Ended::ALL.len()],
    connections: Gauge,
    sessions: Gauge,
    wrong: Counter,
}

impl Meters {
    pub(crate) fn new() -> Self {
        describe();
        Self {
            requests: Outcome::ALL.map(|(_, name)| counter!(REQUESTS, "outcome" => name)),
            ended: Ended::ALL.map(|(_, name)| counter!(ENDED, "reason" => name)),
            connections: gauge!("ridethrough_redfish_connections"),
            sessions: gauge!("ridethrough_redfish_sessions"),
            wrong: counter!("ridethrough_redfish_passwords_wrong_total"),
        }
    }

    pub(crate) fn request(&self, outcome: Outcome) {
        self.requests[outcome as usize].increment(1);
    }

    pub(crate) fn ended(&self, why: Ended) {
        self.ended[why as usize].increment(1);
    }

    pub(crate) fn connections(&self, change: f64) {
        self.connections.increment(change);
    }

    pub(crate) fn sessions(&self, open: usize) {
        self.sessions.set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
    }

    pub(crate) fn wrong_password(&self) {
        self.wrong.increment(1);
    }
}

fn describe() {
    describe_counter!(
        REQUESTS,
        "Requests of Redfish clients by what became of them; stale tells them that nothing is known"
    );
    describe_counter!(ENDED, "Connections of Redfish clients that were refused or ended, by reason");
    describe_gauge!("ridethrough_redfish_connections", "Connections of Redfish clients");
    describe_gauge!("ridethrough_redfish_sessions", "Sessions of Redfish clients when one last began or ended");
    describe_counter!("ridethrough_redfish_passwords_wrong_total", "Redfish logins with a wrong name or password");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        for (nth, (outcome, name)) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, nth, "{name}");
        }
        for (nth, (why, name)) in Ended::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, nth, "{name}");
        }
    }
}
