//! What is borne.

use std::time::Duration;

/// Limits of the server. The defaults suit a building: supervision polls over a few connections that it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// How long a connection may be silent between frames.
    pub idle: Duration,
    /// How long a frame may take from its first byte to its last.
    pub frame: Duration,
    /// How long an answer may take to be taken.
    pub write: Duration,
    /// Requests of one connection in a second, evenly; who asks more often waits.
    pub requests_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 32,
            idle: Duration::from_mins(1),
            frame: Duration::from_secs(2),
            write: Duration::from_secs(2),
            requests_per_second: 100,
        }
    }
}
