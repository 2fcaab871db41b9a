//! What is borne.

use std::time::Duration;

/// Limits of the server. The defaults suit a hall: an `upsmon` holds one connection and asks every few seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// Of them, from one address.
    pub connections_of_address_max: usize,
    /// The longest line, bytes, without its end.
    pub line_bytes_max: usize,
    /// How long a connection may take for its next whole line.
    pub idle: Duration,
    /// How long an answer may take to be taken.
    pub write: Duration,
    /// Requests of one connection in a second, and as many at once; who asks more often waits.
    pub requests_per_second: u32,
    /// Wrong passwords after which a connection is closed.
    pub wrong_max: u8,
    /// How long the answer to a wrong password takes.
    pub wrong_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            connections_of_address_max: 64,
            line_bytes_max: 512,
            idle: Duration::from_mins(1),
            write: Duration::from_secs(5),
            requests_per_second: 50,
            wrong_max: 3,
            wrong_pause: Duration::from_secs(1),
        }
    }
}
