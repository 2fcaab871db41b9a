//! What capping and shutting down cost the work of servers.

/// What capping and shutting down did to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerAccount {
    /// Work that was denied by a cap, a switch or a shutdown when it was due, in J; some of it may have been done later.
    pub denied_joules: f64,
    /// Work that is still to be caught up with, in J.
    pub backlog_joules: f64,
    /// For how many ms it worked and took less than it would have.
    pub capped_ms: u64,
    /// For how many ms it was shutting down, off or starting again.
    pub shutdown_ms: u64,
    /// How often it shut down in good order: its outlet opened when it was ready, with power up to then.
    pub orderly_shutdowns: u64,
}

impl ServerAccount {
    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            denied_joules: self.denied_joules + other.denied_joules,
            backlog_joules: self.backlog_joules + other.backlog_joules,
            capped_ms: self.capped_ms + other.capped_ms,
            shutdown_ms: self.shutdown_ms + other.shutdown_ms,
            orderly_shutdowns: self.orderly_shutdowns + other.orderly_shutdowns,
        }
    }
}
