//! What is borne.

use std::time::Duration;

/// Limits of the service. The defaults suit a hall: a handful of management stations that poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// Of them, from one address.
    pub connections_of_address_max: usize,
    /// How long a caller may take to agree on TLS.
    pub handshake: Duration,
    /// How long a connection may take for its next whole request head; also how long an idle one is kept.
    pub head: Duration,
    /// How long the body of a request may take.
    pub body: Duration,
    /// After so long a connection is asked to end, in good order.
    pub connection: Duration,
    /// And so much later it is ended.
    pub parting: Duration,
    /// Headers of a request.
    pub headers_max: usize,
    /// What is read ahead of a connection, bytes: no head is longer.
    pub head_bytes_max: usize,
    /// The longest body, bytes. Only a login has one.
    pub body_bytes_max: usize,
    /// Requests of one connection in a second, evenly; who asks more often waits.
    pub requests_per_second: u32,
    /// Wrong passwords from one address after which none of its passwords is looked at for a while.
    pub wrong_max: u32,
    /// For how long, from the first of them on.
    pub wrong_window: Duration,
    /// How long the answer to a wrong password takes.
    pub wrong_pause: Duration,
    /// Sessions at once.
    pub sessions_max: usize,
    /// Of them, of one user.
    pub sessions_of_user_max: usize,
    /// After so long without a request a session ends.
    pub session_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            connections_of_address_max: 16,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(30),
            body: Duration::from_secs(5),
            connection: Duration::from_mins(5),
            parting: Duration::from_secs(30),
            headers_max: 64,
            head_bytes_max: 16 << 10,
            body_bytes_max: 4 << 10,
            requests_per_second: 200,
            wrong_max: 10,
            wrong_window: Duration::from_mins(1),
            wrong_pause: Duration::from_secs(1),
            sessions_max: 64,
            sessions_of_user_max: 16,
            session_idle: Duration::from_mins(30),
        }
    }
}
