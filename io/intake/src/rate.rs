//! How often senders may speak: a bucket that fills with time.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Requests that may still come, of all senders together.
#[derive(Debug)]
pub struct Rate {
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

impl Rate {
    /// So many in a second, and as many at once.
    pub fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second: f64::from(per_second), state: Mutex::new((f64::from(per_second), now)) }
    }

    /// Whether one more may come now; if so, it has.
    pub fn take(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = now.saturating_duration_since(state.1).as_secs_f64() * self.per_second;
        let left = (state.0 + filled).min(self.per_second);
        let taken = left >= 1.0;
        *state = (if taken { left - 1.0 } else { left }, now.max(state.1));
        taken
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
