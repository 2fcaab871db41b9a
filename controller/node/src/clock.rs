//! The clocks of the machine: the monotonic one that everything is decided by, and the wall's.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
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

/// The system's monotonic clock in nanoseconds, the same for every process of a machine: to tell how long stages took, also to
/// others. Nothing is decided by it.
pub fn monotonic_ns() -> i64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |time| time.tv_sec().saturating_mul(1_000_000_000).saturating_add(time.tv_nsec()))
}
