//! What the server counts. Handles are looked up once.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use ridethrough_door::{Counters, counted};

use crate::exception::Exception;

const REQUESTS: &str = "ridethrough_modbus_requests_total";

counted! {
    /// Why a connection was ended or not begun.
    pub enum Ended {
        /// There were too many.
        TooMany = "too_many",
        /// It was silent for too long.
        Idle = "idle",
        /// A frame did not come whole in time.
        Slow = "slow",
        /// It did not take its answer in time.
        Unread = "unread",
        /// What it said begins no frame.
        Garbage = "garbage",
    }
}

/// The server's metrics. Install the recorder before they are made.
pub struct Meters {
    ok: Counter,
    refused: [Counter; Exception::ALL.len()],
    ended: Counters<Ended>,
    connections: Gauge,
}

impl Meters {
    pub fn new() -> Self {
        describe();
        Self {
            ok: counter!(REQUESTS, "outcome" => "ok"),
            refused: Exception::ALL.map(|exception| counter!(REQUESTS, "outcome" => exception.as_str())),
            ended: Counters::new("ridethrough_modbus_connections_ended_total", "reason"),
            connections: gauge!("ridethrough_modbus_connections"),
        }
    }

    pub fn answered(&self, exception: Option<Exception>) {
        exception.map_or(&self.ok, |exception| &self.refused[exception as usize]).increment(1);
    }

    pub fn ended(&self, why: Ended) {
        self.ended.count(why);
    }

    pub fn connections(&self, change: f64) {
        self.connections.increment(change);
    }
}

fn describe() {
    describe_counter!(
        REQUESTS,
        "Requests of Modbus clients by what became of them; stale tells them that nothing is known"
    );
    describe_counter!(
        "ridethrough_modbus_connections_ended_total",
        "Connections of Modbus clients that were refused or ended, by reason"
    );
    describe_gauge!("ridethrough_modbus_connections", "Connections of Modbus clients");
}
