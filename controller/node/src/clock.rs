//! The clocks of the machine: the monotonic one that everything is decided by, and the wall's.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ridethrough_core::units::Millis;

/// Milliseconds since this replica started; never steps.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The time on it.
    pub fn now(&self) -> Millis {
        Millis::new(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// Unix time in milliseconds, for people. Nothing is decided by it.
pub fn wall_unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}
