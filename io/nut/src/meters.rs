//! What the server counts. Handles are looked up once.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use crate::fault::Fault;

const REQUESTS: &str = "ridethrough_nut_requests_total";

/// Why a connection was ended or not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There were too many.
    TooMany,
    /// There were too many from its address.
    Address,
    /// Its next line did not come in time.
    Slow,
    /// It did not take its answer in time.
    Unread,
    /// Its line was longer than is borne.
    LongLine,
    /// Too many wrong passwords.
    Wrong,
}

impl Ended {
    const ALL: [(Self, &str); 6] = [
        (Self::TooMany, "too_many"),
        (Self::Address, "too_many_of_address"),
        (Self::Slow, "slow"),
        (Self::Unread, "unread"),
        (Self::LongLine, "long_line"),
        (Self::Wrong, "wrong_passwords"),
    ];
}

/// The server's metrics. Install the recorder before they are made.
pub struct Meters {
    ok: Counter,
    refused: [Counter; Fault::ALL.len()],
    ended: [Counter; Ended::ALL.len()],
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
            ended: Ended::ALL.map(|(_, name)| counter!("ridethrough_nut_connections_ended_total", "reason" => name)),
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
        self.ended[why as usize].increment(1);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_the_order_of_their_numbers() {
        for (nth, (why, name)) in Ended::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, nth, "{name}");
        }
    }
}
