//! When each device is due, and how many owe an answer.

use std::collections::VecDeque;

use ridethrough_core::units::Millis;

use super::remote::NEVER;
use crate::limits::{ANSWERS_PER_MS, RETRANSMIT_FIRST};

/// Deadlines by the place of a device; apart from what is known of the devices, because they are looked through often.
pub(super) struct Schedule {
    dues: Vec<Millis>,
    /// Whether an order or an endorsement is outstanding.
    owes: Vec<bool>,
    owing: usize,
    /// Places that were due when they were set, so that nobody has to look for them; those that owe an answer by themselves.
    ready: VecDeque<usize>,
    ready_owing: VecDeque<usize>,
    /// Room for those that are taken.
    taken: Vec<usize>,
    /// The earliest of the other deadlines, or earlier.
    next_due: Millis,
}

impl Schedule {
    pub(super) fn new(devices: usize) -> Self {
        Self {
            dues: vec![NEVER; devices],
            owes: vec![false; devices],
            owing: 0,
            ready: VecDeque::with_capacity(devices),
            ready_owing: VecDeque::with_capacity(devices),
            taken: Vec::with_capacity(devices),
            next_due: NEVER,
        }
    }

    pub(super) fn set(&mut self, slot: usize, due: Millis, owes: bool, now: Millis) {
        let (Some(at), Some(before)) = (self.dues.get_mut(slot), self.owes.get_mut(slot)) else { return };
        // What was due already is on a list, or will be found when the deadline is looked for; but perhaps on the other list.
        let newly_ready = due <= now && (*at > now || (owes && !*before));
        *at = due;
        self.owing = self.owing + usize::from(owes) - usize::from(*before);
        *before = owes;
        let list = if owes { &mut self.ready_owing } else { &mut self.ready };
        if newly_ready && list.len() < self.dues.len() {
            list.push_back(slot);
        } else {
            self.next_due = self.next_due.min(due);
        }
    }

    /// When somebody is due, or earlier; never too late.
    pub(super) fn next_due(&self) -> Millis {
        if self.is_ready() { Millis::ZERO } else { self.next_due }
    }

    /// Whether somebody is due now, or might be.
    pub(super) fn is_pressing(&self, now: Millis) -> bool {
        self.is_ready() || self.next_due <= now
    }

    fn is_ready(&self) -> bool {
        !self.ready.is_empty() || !self.ready_owing.is_empty()
    }

    /// At most so many of the places that are due now; who owes an answer comes first. All must be set anew afterwards, and the
    /// list given back.
    pub(super) fn take_due(&mut self, now: Millis, places_max: usize) -> Vec<usize> {
        if self.next_due <= now {
            self.look_for_due(now);
        }
        let mut taken = std::mem::take(&mut self.taken);
        for list in [&mut self.ready_owing, &mut self.ready] {
            while taken.len() < places_max
                && let Some(slot) = list.pop_front()
            {
                // Some are on both lists, or have been set to a later time since.
                if let Some(at) = self.dues.get_mut(slot).filter(|at| **at <= now) {
                    // So that whoever is still due when it is set again is listed again.
                    *at = NEVER;
                    taken.push(slot);
                }
            }
        }
        taken
    }

    fn look_for_due(&mut self, now: Millis) {
        self.ready.clear();
        self.ready_owing.clear();
        self.next_due = NEVER;
        for (slot, (&due, &owes)) in self.dues.iter().zip(&self.owes).enumerate() {
            match (due <= now, owes) {
                (true, true) => self.ready_owing.push_back(slot),
                (true, false) => self.ready.push_back(slot),
                (false, _) => self.next_due = self.next_due.min(due),
            }
        }
    }

    /// Takes the list back, for its room.
    pub(super) fn give_back(&mut self, mut list: Vec<usize>) {
        list.clear();
        self.taken = list;
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
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Millis {
        Millis::new(ms)
    }

    #[test]
    fn patience_grows_with_what_is_owed() {
        let mut schedule = Schedule::new(10_000);
        assert_eq!((schedule.next_due(), schedule.patience()), (NEVER, RETRANSMIT_FIRST));
        for due in [7, 8] {
            (0..10_000).for_each(|slot| schedule.set(slot, at(due), true, at(0)));
        }
        assert_eq!(schedule.patience(), RETRANSMIT_FIRST.saturating_add(at(10_000 / ANSWERS_PER_MS)));
        (0..10_000).for_each(|slot| schedule.set(slot, at(9), false, at(0)));
        assert_eq!(schedule.patience(), RETRANSMIT_FIRST);
    }

    #[test]
    fn nobody_is_looked_for_while_nobody_is_due() {
        let mut schedule = Schedule::new(3);
        assert!(!schedule.is_pressing(at(0)));
        schedule.set(1, at(7), true, at(0));
        assert!(!schedule.is_pressing(at(6)) && schedule.is_pressing(at(7)));
        assert_eq!(schedule.take_due(at(7), 9), [1]);
        schedule.set(1, at(9), true, at(7));
        assert!(!schedule.is_pressing(at(7)), "it was taken");
        assert_eq!(schedule.next_due(), at(9));
    }

    #[test]
    fn whoever_becomes_due_twice_is_taken_once() {
        let mut schedule = Schedule::new(3);
        schedule.set(1, at(5), true, at(5));
        schedule.set(1, at(5), true, at(5));
        assert_eq!(schedule.take_due(at(5), 9), [1]);
    }

    /// Who is listed, without an order and with one, and whether the others must be looked through.
    fn listed(schedule: &Schedule, now: i64) -> (Vec<usize>, Vec<usize>, bool) {
        let list = |of: &VecDeque<usize>| of.iter().copied().collect();
        (list(&schedule.ready), list(&schedule.ready_owing), schedule.next_due <= at(now))
    }

    #[test]
    fn whoever_becomes_due_is_listed_once_and_not_looked_for() {
        let mut schedule = Schedule::new(3);
        schedule.set(1, at(5), false, at(5));
        assert_eq!(listed(&schedule, 5), (vec![1], vec![], false));
        schedule.set(2, at(5), true, at(5));
        assert_eq!(listed(&schedule, 5), (vec![1], vec![2], false));
        schedule.set(1, at(5), true, at(5));
        assert_eq!(listed(&schedule, 5), (vec![1], vec![2, 1], false), "an order is given to who waits for its beat");
        schedule.set(1, at(5), true, at(5));
        schedule.set(2, at(5), false, at(5));
        assert_eq!(listed(&schedule, 5), (vec![1], vec![2, 1], true), "they are due already");
    }

    #[test]
    fn a_list_that_is_full_is_looked_through() {
        let mut schedule = Schedule::new(1);
        for due in [5, 9, 5] {
            schedule.set(0, at(due), false, at(5));
        }
        assert_eq!(listed(&schedule, 5), (vec![0], vec![], true));
    }

    #[test]
    fn whoever_owes_an_answer_is_taken_first() {
        let mut schedule = Schedule::new(6);
        (0..6).for_each(|slot| schedule.set(slot, at(5), slot >= 4, at(5)));
        assert_eq!(schedule.take_due(at(5), 3), [4, 5, 0]);
        // As when an order is given to a place that waits for its beat.
        schedule.set(3, at(5), true, at(5));
        schedule.give_back(Vec::with_capacity(6));
        assert_eq!(schedule.take_due(at(5), 1), [3]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(usize, i64),
        /// So much later, whoever is due is due again after so long; so many are taken at a time.
        Work(i64, i64, usize),
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_usize..12, 0_i64..120).prop_map(|(slot, due)| Step::Set(slot, due)),
            (0_i64..30, 1_i64..40, 1_usize..14).prop_map(|(later, again, most)| Step::Work(later, again, most)),
        ]
    }

    proptest! {
        #[test]
        fn whoever_is_due_is_taken(steps in prop::collection::vec(steps(), 0..80)) {
            let mut schedule = Schedule::new(12);
            let (mut plain, mut now) = (vec![NEVER; 12], 0);
            for step in steps {
                match step {
                    Step::Set(slot, due) => {
                        schedule.set(slot, at(due), false, at(now));
                        plain[slot] = at(due);
                    }
                    Step::Work(later, again, most) => {
                        now += later;
                        let due = |plain: &[Millis]| -> BTreeSet<usize> {
                            (0..12).filter(|slot| plain[*slot] <= at(now)).collect()
                        };
                        let earliest = plain.iter().copied().min().unwrap_or(NEVER);
                        prop_assert!(schedule.next_due() <= earliest);
                        prop_assert!(schedule.is_pressing(at(now)) || due(&plain).is_empty());
                        let (expected, mut spoken_to) = (due(&plain), BTreeSet::new());
                        let mut turns = 0;
                        while schedule.is_pressing(at(now)) {
                            turns += 1;
                            prop_assert!(turns <= 40, "it ends");
                            let taken = schedule.take_due(at(now), most);
                            prop_assert!(taken.len() <= most);
                            for slot in &taken {
                                if plain[*slot] <= at(now) {
                                    prop_assert!(spoken_to.insert(*slot), "nobody is spoken to twice");
                                    plain[*slot] = at(now + again);
                                }
                                schedule.set(*slot, plain[*slot], false, at(now));
                            }
                            schedule.give_back(taken);
                        }
                        prop_assert_eq!(spoken_to, expected);
                    }
                }
            }
        }
    }
}
