//! Whose turn it is: for which racks the model is run in a call.
//!
//! A site of up to [`ALL_MAX`] racks is stepped whole in every call. In a larger one the seconds of the racks are spread over
//! the calls of a second, by their place in the site, and a call steps those whose second it is and those that have moved:
//!
//! ```text
//! call    0 (committed)  1        2        …   0 (committed)
//! racks   0..1000        1000..   2000..   …   0..1000          ─► Committed: windows and state move on
//!         + what has moved since it was last spoken of          ─► Provisional: the newest answer, at once
//! ```
//!
//! So each rack still has one sample for each second, at its own place in it. Calls are counted, no clock is read: how
//! many make a second is what the last seconds had.

use std::cmp::Ordering;

use crate::forecast::Keep;

/// Most racks (and rows) of a site that is stepped whole in every call.
pub const ALL_MAX: usize = 1_536;
/// Most racks that are stepped in a call because they have moved, besides those whose turn it is.
pub const MOVED_MAX: usize = 512;
/// A rack has moved when its power is this part of its reference away from where it was last spoken of.
pub const MOVED_PARTS: f32 = 0.01;
/// Most calls that a second is spread over.
const SPREAD_MAX: usize = 20;
/// An answer may be so many seconds of calls old: a turn comes once in a second, and one may be missed.
const AGE_S_MAX: usize = 2;

/// A rack that is stepped in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which.
    pub rack: usize,
    /// Whether its second has passed.
    pub keep: Keep,
}

/// How far a rack is from where it was last spoken of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// Whether it draws more than was said of the next second at 99 %.
    pub unforeseen: bool,
    /// By how much, in parts of the reference.
    pub parts: f32,
}

/// The turns of a site's racks.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// Whose second has begun and has not been taken.
    owing: Vec<bool>,
    /// Calls since the last committed one.
    call: usize,
    /// How many calls the last two seconds had, the last one first; 0 where there was none.
    seconds: [usize; 2],
    chosen: Vec<Turn>,
    movers: Vec<(Moved, usize)>,
}

impl Turns {
    /// Forgets all, for a site of so many racks.
    pub fn restart(&mut self, racks: usize) {
        *self = Self { owing: vec![false; racks], ..Self::default() };
    }

    /// Whose turn it is in this call; `moved` says of a rack whether it has moved.
    ///
    /// Of those that have moved, who draws more than was foreseen goes first, then who has moved the furthest.
    pub fn choose(&mut self, keep: Keep, moved: impl Fn(usize) -> Option<Moved>) -> &[Turn] {
        self.count(keep);
        self.chosen.clear();
        if self.owing.len() <= ALL_MAX {
            self.chosen.extend((0..self.owing.len()).map(|rack| Turn { rack, keep }));
        } else {
            self.choose_some(keep, moved);
        }
        &self.chosen
    }

    /// What the last call was to step was not stepped: it is owed still.
    pub fn failed(&mut self) {
        for turn in self.chosen.iter().filter(|turn| turn.keep == Keep::Committed) {
            self.owing[turn.rack] = true;
        }
    }

    /// The most calls that an answer may be old.
    pub fn age_max(&self) -> u16 {
        u16::try_from(AGE_S_MAX * self.spread()).unwrap_or(u16::MAX)
    }

    fn count(&mut self, keep: Keep) {
        if keep == Keep::Committed {
            // The first committed call ends no second.
            let ended = if self.seconds == [0; 2] { 1 } else { self.call + 1 };
            self.seconds = [ended, self.seconds[0]];
            self.call = 0;
        } else {
            self.call += 1;
        }
    }

    /// How many calls a second is spread over: the fewer of the last two seconds, since a second whose beginning was
    /// dropped looks twice as long.
    fn spread(&self) -> usize {
        let [last, before] = self.seconds;
        let fewer = if before == 0 { last } else { last.min(before) };
        fewer.clamp(1, SPREAD_MAX)
    }

    fn choose_some(&mut self, keep: Keep, moved: impl Fn(usize) -> Option<Moved>) {
        let (racks, spread) = (self.owing.len(), self.spread());
        // What was not stepped in time is made up for, at most as much again in each call.
        let most = 2 * racks.div_ceil(spread);
        self.movers.clear();
        for (rack, owing) in self.owing.iter_mut().enumerate() {
            let overdue = *owing && keep == Keep::Committed;
            *owing |= keep == Keep::Committed;
            let due = *owing && rack * spread / racks <= self.call;
            if (due || overdue) && self.chosen.len() < most {
                self.chosen.push(Turn { rack, keep: Keep::Committed });
                *owing = !due;
            } else if let Some(moved) = moved(rack) {
                self.movers.push((moved, rack));
            }
        }
        if self.movers.len() > MOVED_MAX {
            self.movers.select_nth_unstable_by(MOVED_MAX - 1, |left, right| urgency(right.0, left.0));
            self.movers.truncate(MOVED_MAX);
            self.movers.sort_unstable_by_key(|(_, rack)| *rack);
        }
        self.chosen.extend(self.movers.iter().map(|(_, rack)| Turn { rack: *rack, keep: Keep::Provisional }));
    }
}

fn urgency(left: Moved, right: Moved) -> Ordering {
    left.unforeseen.cmp(&right.unforeseen).then(left.parts.total_cmp(&right.parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RACKS: usize = 10_000;
    const CALLS: usize = 10;

    fn still(_: usize) -> Option<Moved> {
        None
    }

    fn large() -> Turns {
        let mut turns = Turns::default();
        turns.restart(RACKS);
        turns
    }

    /// A second of calls; says in which call each rack was committed, if in one.
    fn second(turns: &mut Turns, calls: usize) -> Vec<Vec<usize>> {
        let mut at = vec![Vec::new(); RACKS];
        for call in 0..calls {
            let keep = if call == 0 { Keep::Committed } else { Keep::Provisional };
            for turn in turns.choose(keep, still) {
                assert_eq!(turn.keep, Keep::Committed);
                at[turn.rack].push(call);
            }
        }
        at
    }

    #[test]
    fn a_small_site_is_stepped_whole_in_every_call() {
        let mut turns = Turns::default();
        turns.restart(ALL_MAX);
        for keep in [Keep::Provisional, Keep::Committed, Keep::Provisional] {
            let chosen = turns.choose(keep, still);
            assert!(chosen.iter().map(|turn| turn.rack).eq(0..ALL_MAX) && chosen.iter().all(|turn| turn.keep == keep));
        }
    }

    #[test]
    fn each_rack_has_its_own_tenth_of_every_second() {
        let mut turns = large();
        for _ in 0..2 {
            assert!(second(&mut turns, CALLS).iter().all(|at| *at == [0]), "before a second was seen all are stepped");
        }
        for _ in 0..3 {
            let at = second(&mut turns, CALLS);
            assert!(at.iter().enumerate().all(|(rack, at)| *at == [rack * CALLS / RACKS]));
        }
    }

    #[test]
    fn where_every_call_is_a_second_all_are_stepped() {
        let mut turns = large();
        assert!((0..5).all(|_| turns.choose(Keep::Committed, still).len() == RACKS));
    }

    #[test]
    fn skipped_calls_cost_no_rack_its_second() {
        let mut turns = large();
        (0..3).for_each(|_| drop(second(&mut turns, CALLS)));
        let mut counts = vec![0; RACKS];
        for calls in [CALLS, 7, CALLS, 9, CALLS, CALLS] {
            for (count, at) in counts.iter_mut().zip(second(&mut turns, calls)) {
                *count += at.len();
            }
        }
        assert!(counts.iter().all(|count| (5..=6).contains(count)), "one at most is still to come");
        assert!(turns.chosen.len() <= 2 * RACKS / 7);
    }

    #[test]
    fn what_failed_is_owed() {
        let mut turns = large();
        (0..3).for_each(|_| drop(second(&mut turns, CALLS)));
        let first = turns.choose(Keep::Committed, still).len();
        turns.failed();
        let again = turns.choose(Keep::Provisional, still).to_vec();
        assert_eq!((first, again.len()), (1_000, 2_000));
        assert!(again.iter().map(|turn| turn.rack).eq(0..2_000));
    }

    #[test]
    fn who_draws_more_than_was_foreseen_goes_first() {
        let mut turns = large();
        (0..3).for_each(|_| drop(second(&mut turns, CALLS)));
        turns.choose(Keep::Committed, still);
        // All have moved, the later ones further; a few near the beginning rose above what was said.
        let parts = |rack: usize| f32::from(u16::try_from(rack).expect("few"));
        let moved = |rack| Some(Moved { unforeseen: (10..20).contains(&rack), parts: parts(rack) });
        let looked: Vec<usize> = turns.choose(Keep::Provisional, moved)[1_000..].iter().map(|turn| turn.rack).collect();
        assert_eq!(looked.len(), MOVED_MAX);
        assert!(looked[..10].iter().copied().eq(10..20));
        assert!(looked[10..].iter().copied().eq(RACKS - (MOVED_MAX - 10)..RACKS));
    }
}
