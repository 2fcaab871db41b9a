//! What the server counts. Handles are looked up once.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use crate::exception::Exception;

const REQUESTS: &str = "ridethrough_modbus_requests_total";

/// Why a connection was ended or not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There were too many.
    TooMany,
    /// It was silent for too long.
    Idle,
    /// A frame did not come whole in time.
    Slow,
    /// It did not take its answer in time.
    Unread,
    /// What it said begins no frame.
    Garbage,
}

impl Ended {
    const ALL: [(Self, &str); 5] = [
        (Self::TooMany, "too_many"),
        (Self::Idle, "idle"),
        (Self::Slow, "slow"),
        (Self::Unread, "unread"),
        (Self::Garbage, "garbage"),
    ];
}

/// The server's metrics. Install the recorder before they are made.
pub struct Meters {
    ok: Counter,
    refused: [Counter; Exception::ALL.len()],
    ended: [Counter; Ended::ALL.len()],
    connections: Gauge,
}

impl Meters {
    pub fn new() -> Self {
        describe();
        Self {
            ok: counter!(REQUESTS, "outcome" => "ok"),
            refused: Exception::ALL.map(|exception| counter!(REQUESTS, "outcome" => exception.as_str())),
            ended: Ended::ALL.map(|(_, name)| counter!("ridethrough_modbus_connections_ended_total", "reason" => name)),
            connections: gauge!("ridethrough_modbus_connections"),
        }
    }

    pub fn answered(&self, exception: Option<Exception>) {
        exception.map_or(&self.ok, |exception| &self.refused[exception as usize]).increment(1);
    }

    pub fn ended(&self, why: Ended) {
        self.ended[why as usize].increment(1);
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
