//! How often one connection may ask.

use std::time::{Duration, Instant};

/// A bucket that fills with time. Who comes too early is told how long to wait.
#[derive(Debug)]
pub struct Pace {
    each: Duration,
    /// When the bucket would be full again.
    full_at: Instant,
    burst: u32,
}

impl Pace {
    /// So many in a second, and as many at once.
    pub fn new(per_second: u32, now: Instant) -> Self {
        Self { each: Duration::from_secs(1) / per_second.max(1), full_at: now, burst: per_second.max(1) }
    }

    /// Takes one, and says how long it has to wait for its turn.
    pub fn take(&mut self, now: Instant) -> Duration {
        let begins = self.full_at.max(now);
        self.full_at = begins + self.each;
        let early = self.each * (self.burst - 1);
        begins.saturating_duration_since(now).saturating_sub(early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_often_waits_for_his_turn() {
        let now = Instant::now();
        let mut pace = Pace::new(4, now);
        let waits: Vec<u128> = (0..6).map(|_| pace.take(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 250, 500]);
        assert_eq!(pace.take(now + Duration::from_secs(9)), Duration::ZERO);
    }
}
