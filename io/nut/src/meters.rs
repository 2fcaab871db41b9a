//! What the server counts. Handles are looked up once.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use ridethrough_door::{Counters, counted};

use crate::fault::Fault;

const REQUESTS: &str = "ridethrough_nut_requests_total";

counted! {
    /// Why a connection was ended or not begun.
    pub enum Ended {
        /// There were too many.
        TooMany = "too_many",
        /// There were too many from its address.
        Address = "too_many_of_address",
        /// Its next line did not come in time.
        Slow = "slow",
        /// It did not take its answer in time.
        Unread = "unread",
        /// Its line was longer than is borne.
        LongLine = "long_line",
        /// Too many wrong passwords.
        Wrong = "wrong_passwords",
    }
}

/// The server's metrics. Install the recorder before they are made.
pub struct Meters {
    ok: Counter,
    refused: [Counter; Fault::ALL.len()],
    ended: Counters<Ended>,
    wrong: Counter,
    connections: Gauge,
    logins: Gauge,
}

impl Meters {
    pub fn new() -> Self {
        describe();
        Self {
            ok: counter!(REQUESTS, "outcome" => "OK"),
            refused: Fault::ALL.map(|fault| counter!(REQUESTS, "outcome" => fault.as_str())),
            ended: Counters::new("ridethrough_nut_connections_ended_total", "reason"),
            wrong: counter!("ridethrough_nut_passwords_wrong_total"),
            connections: gauge!("ridethrough_nut_connections"),
            logins: gauge!("ridethrough_nut_logins"),
        }
    }

    pub fn answered(&self, fault: Option<Fault>) {
        fault.map_or(&self.ok, |fault| &self.refused[fault as usize]).increment(1);
    }

    pub fn wrong_password(&self) {
        self.wrong.increment(1);
    }

    pub fn ended(&self, why: Ended) {
        self.ended.count(why);
    }

    pub fn connections(&self, change: f64) {
        self.connections.increment(change);
    }

    pub fn logins(&self, change: f64) {
        self.logins.increment(change);
    }
}

fn describe() {
    describe_counter!(
        REQUESTS,
        "Requests of NUT clients by what became of them; DATA-STALE tells them that nothing is known"
    );
    describe_counter!(
        "ridethrough_nut_connections_ended_total",
        "Connections of NUT clients that were refused or ended, by reason"
    );
    describe_counter!("ridethrough_nut_passwords_wrong_total", "Names or passwords of NUT clients that were wrong");
    describe_gauge!("ridethrough_nut_connections", "Connections of NUT clients");
    describe_gauge!("ridethrough_nut_logins", "NUT clients that have logged in to a UPS");
}
