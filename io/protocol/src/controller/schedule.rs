//! When each device is due, and how many owe an answer.

use ridethrough_core::units::Millis;

use super::remote::NEVER;
use crate::limits::{ANSWERS_PER_MS, RETRANSMIT_FIRST};

/// Deadlines by the place of a device; apart from what is known of the devices, because they are scanned often.
pub(super) struct Schedule {
    dues: Vec<Millis>,
    /// Whether an order or an endorsement is outstanding.
    owes: Vec<bool>,
    owing: usize,
    /// The earliest deadline, or earlier.
    next_due: Millis,
}

impl Schedule {
    pub(super) fn new(devices: usize) -> Self {
        Self { dues: vec![NEVER; devices], owes: vec![false; devices], owing: 0, next_due: NEVER }
    }

    pub(super) fn set(&mut self, slot: usize, due: Millis, owes: bool) {
        let (Some(at), Some(before)) = (self.dues.get_mut(slot), self.owes.get_mut(slot)) else { return };
        *at = due;
        self.owing = self.owing + usize::from(owes) - usize::from(*before);
        *before = owes;
        self.next_due = self.next_due.min(due);
    }

    pub(super) fn is_due(&self, slot: usize, now: Millis) -> bool {
        self.dues.get(slot).is_some_and(|due| *due <= now)
    }

    pub(super) const fn next_due(&self) -> Millis {
        self.next_due
    }

    /// Looks for the earliest deadline anew.
    pub(super) fn settle(&mut self) {
        self.next_due = self.dues.iter().copied().min().unwrap_or(NEVER);
    }

    /// How long to wait for an answer to something said now. With thousands of answers on their way the newest takes long
    /// to be read, and to say everything twice meanwhile would make it longer.
    pub(super) fn patience(&self) -> Millis {
        let to_read = i64::try_from(self.owing).unwrap_or(i64::MAX) / ANSWERS_PER_MS;
        RETRANSMIT_FIRST.saturating_add(Millis::new(to_read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_with_what_is_owed() {
        let mut schedule = Schedule::new(10_000);
        let at = |ms| Millis::new(ms);
        assert_eq!((schedule.next_due(), schedule.patience()), (NEVER, RETRANSMIT_FIRST));
        (0..10_000).for_each(|slot| schedule.set(slot, at(7), true));
        (0..10_000).for_each(|slot| schedule.set(slot, at(7), true));
        assert_eq!(schedule.patience(), RETRANSMIT_FIRST.saturating_add(at(10_000 / ANSWERS_PER_MS)));
        assert!(schedule.is_due(9_999, at(7)) && !schedule.is_due(9_999, at(6)));
        (0..10_000).for_each(|slot| schedule.set(slot, at(9), false));
        assert_eq!((schedule.next_due(), schedule.patience()), (at(7), RETRANSMIT_FIRST));
        schedule.settle();
        assert_eq!(schedule.next_due(), at(9));
    }
}
