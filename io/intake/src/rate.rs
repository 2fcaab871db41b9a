//! How often senders may speak, all of them together.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ridethrough_door::Pace;

/// Requests that may still come.
#[derive(Debug)]
pub struct Rate(Mutex<Pace>);

impl Rate {
    /// So many in a second, and as many at once.
    pub fn new(per_second: u32, now: Instant) -> Self {
        Self(Mutex::new(Pace::new(per_second, now)))
    }

    /// Whether one more may come now; if so, it has.
    pub fn take(&self, now: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_has_so_many_and_no_more() {
        let start = Instant::now();
        let rate = Rate::new(3, start);
        assert_eq!((0..5).filter(|_| rate.take(start)).count(), 3);
        assert!(!rate.take(start + Duration::from_millis(300)));
        assert!(rate.take(start + Duration::from_millis(400)));
        assert_eq!((0..9).filter(|_| rate.take(start + Duration::from_hours(1))).count(), 3, "no more at once");
        assert!(!rate.take(start), "a time that goes back fills nothing");
    }
}
