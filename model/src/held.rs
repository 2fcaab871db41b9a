//! The last reading of a rack, and for how long it may stand in for a missing one.

use ridethrough_core::units::Watts;

use crate::forecast::Keep;

/// Seconds that a reading may be held. Longer than that, a rack may have risen from idle to full.
pub const HELD_S_MAX: u8 = 3;

/// The newest reading of one rack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    newest: Option<Watts>,
    missed_s: u8,
    seen_s: u16,
}

impl Held {
    /// Takes the reading of a call and says what to go by: a fresh or a held reading, or `None` when the last one is
    /// too old.
    pub fn take(&mut self, power: Option<Watts>, keep: Keep) -> Option<Watts> {
        if let Some(fresh) = power.filter(|watts| *watts >= Watts::ZERO) {
            self.newest = Some(fresh);
            self.missed_s = 0;
        } else if keep == Keep::Committed {
            self.miss();
        }
        if keep == Keep::Committed && self.newest.is_some() {
            self.seen_s = self.seen_s.saturating_add(1);
        }
        self.newest
    }

    /// What to go by since the last call of [`Held::take`].
    pub fn reading(&self) -> Option<Watts> {
        self.newest
    }

    /// Committed seconds since the rack was last unknown.
    pub fn seen_s(&self) -> u16 {
        self.seen_s
    }

    fn miss(&mut self) {
        self.missed_s = self.missed_s.saturating_add(1);
        if self.missed_s > HELD_S_MAX {
            *self = Self { missed_s: self.missed_s, ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_for_three_seconds_and_then_forgets() {
        let mut held = Held::default();
        let power = Some(Watts::new(900));
        assert_eq!(held.take(power, Keep::Committed), power);
        for _ in 0..HELD_S_MAX {
            assert_eq!(held.take(None, Keep::Provisional), power, "a tick does not age a reading");
            assert_eq!(held.take(None, Keep::Committed), power);
        }
        assert_eq!(held.take(None, Keep::Committed), None);
        assert_eq!(held.seen_s(), 0);
    }

    #[test]
    fn a_negative_reading_is_none() {
        let mut held = Held::default();
        assert_eq!(held.take(Some(Watts::new(-1)), Keep::Committed), None);
    }
}
