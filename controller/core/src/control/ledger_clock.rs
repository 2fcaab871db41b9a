//! Ledger time as a replica carries it on.

use crate::units::Millis;

/// Ledger time between entries: what the newest entry said, carried on by the monotonic clock. No wall clock takes
/// part, so a step of an hour on any replica moves no expiry.
#[derive(Clone, Copy, Debug, Default)]
pub struct LedgerClock {
    ahead: Option<i64>,
}

impl LedgerClock {
    /// Takes in the time of a ledger state that was seen at `now`. The earliest sight of a state is the truest, so
    /// the clock only ever moves ahead.
    pub fn observe(&mut self, ledger: Millis, now: Millis) {
        let ahead = ledger.get() - now.get();
        self.ahead = Some(self.ahead.map_or(ahead, |known| known.max(ahead)));
    }

    /// Ledger time at `now`.
    pub fn at(&self, now: Millis) -> Millis {
        Millis::new(now.get() + self.ahead.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledger_time_goes_on_between_entries_and_never_back() {
        let mut clock = LedgerClock::default();
        clock.observe(Millis::new(5_000), Millis::new(100));
        assert_eq!(clock.at(Millis::new(350)), Millis::new(5_250));
        clock.observe(Millis::new(5_010), Millis::new(400));
        assert_eq!(clock.at(Millis::new(400)), Millis::new(5_300), "a late sight does not turn it back");
    }
}
