//! How often somebody may ask.

use std::time::{Duration, Instant};

/// A bucket that fills with time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    each: Duration,
    burst: u32,
    /// When it will be full again.
    full_at: Instant,
}

impl Pace {
    /// So many in a second, and as many at once.
    pub fn new(per_second: u32, now: Instant) -> Self {
        let burst = per_second.max(1);
        Self { each: Duration::from_secs(1) / burst, burst, full_at: now }
    }

    /// Takes one, and says how long it has to wait for its turn.
    pub fn turn(&mut self, now: Instant) -> Duration {
        let begins = self.full_at.max(now);
        self.full_at = begins + self.each;
        begins.saturating_duration_since(now).saturating_sub(self.each * (self.burst - 1))
    }

    /// Whether one more may come now; if so, it has.
    pub fn take(&mut self, now: Instant) -> bool {
        let mut after = *self;
        let taken = after.turn(now).is_zero();
        if taken {
            *self = after;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_often_waits_for_his_turn() {
        let now = Instant::now();
        let mut pace = Pace::new(4, now);
        let waits: Vec<u128> = (0..6).map(|_| pace.turn(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 250, 500]);
        assert_eq!(pace.turn(now + Duration::from_secs(9)), Duration::ZERO);
    }

    #[test]
    fn a_second_has_so_many_and_no_more() {
        let start = Instant::now();
        let mut pace = Pace::new(4, start);
        assert_eq!((0..9).filter(|_| pace.take(start)).count(), 4);
        assert!(!pace.take(start + Duration::from_millis(249)));
        assert!(pace.take(start + Duration::from_millis(250)));
        assert_eq!((0..9).filter(|_| pace.take(start + Duration::from_hours(1))).count(), 4, "no more at once");
    }
}
