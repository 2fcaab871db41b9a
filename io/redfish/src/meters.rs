//! What the service counts. Handles are looked up once.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use ridethrough_door::{Counters, counted};

const REQUESTS: &str = "ridethrough_redfish_requests_total";
const ENDED: &str = "ridethrough_redfish_connections_ended_total";

counted! {
    /// What became of a request.
    pub(crate) enum Outcome {
        /// It was answered.
        Ok = "ok",
        /// Nobody knows how the site is now.
        Stale = "stale",
        /// Who asks is nobody, or is wrong about the password.
        Unauthorized = "unauthorized",
        /// Passwords from there are not looked at for a while.
        Barred = "barred",
        /// There is nothing there.
        Missing = "missing",
        /// It was to change something.
        Refused = "refused",
        /// It was not understood.
        Malformed = "malformed",
        /// There was no room for a session.
        Full = "full",
    }
}

counted! {
    /// Why a connection was ended or not begun.
    pub(crate) enum Ended {
        /// There were too many.
        TooMany = "too_many",
        /// There were too many from its address.
        TooManyOfAddress = "too_many_of_address",
        /// It did not agree on TLS, or not in time.
        Tls = "tls",
        /// What it said was no HTTP, or did not come in time.
        Http = "http",
        /// It had been there for long, and did not go when it was asked to.
        Late = "late",
    }
}

/// The service's metrics. Install the recorder before they are made.
pub(crate) struct Meters {
    requests: Counters<Outcome>,
    ended: Counters<Ended>,
    connections: Gauge,
    sessions: Gauge,
    wrong: Counter,
}

impl Meters {
    pub(crate) fn new() -> Self {
        describe();
        Self {
            requests: Counters::new(REQUESTS, "outcome"),
            ended: Counters::new(ENDED, "reason"),
            connections: gauge!("ridethrough_redfish_connections"),
            sessions: gauge!("ridethrough_redfish_sessions"),
            wrong: counter!("ridethrough_redfish_passwords_wrong_total"),
        }
    }

    pub(crate) fn request(&self, outcome: Outcome) {
        self.requests.count(outcome);
    }

    pub(crate) fn ended(&self, why: Ended) {
        self.ended.count(why);
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
