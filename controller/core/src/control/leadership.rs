//! When a replica acts as leader, and what the link must be told of it.
//!
//! ```text
//!   idle ──elected, all of its log applied, confirmed──► acting ◄──confirmed again── paused
//!     ▲                                                    │ └──confirmation lapsed──►│
//!     └───────────── another leads, or another term ───────┴──────────────────────────┘
//! ```

use crate::units::Millis;

/// Leadership is told to the link at least so often, and twice in the time that it is confirmed for; it lapses there by itself
/// otherwise.
const REFRESH_MAX: Millis = Millis::new(20);

/// What consensus says of this replica at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its term.
    pub term: u64,
    /// Whether it was elected in that term, and nobody since.
    pub leads: bool,
    /// Index of the last entry in its log.
    pub last_index: Option<u64>,
    /// Index of the last entry that it has applied.
    pub applied_index: Option<u64>,
    /// For how long no other can be elected, because a majority has lately confirmed it; zero when that is over.
    pub confirmed_for: Millis,
}

/// What the link must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// This replica leads in `term` for `valid_for` from now. `begins`: what stands must be sent once more, by
    /// [`Control::begin_leadership`](super::Control::begin_leadership).
    Lead {
        /// The term in which it leads.
        term: u64,
        /// For how long from now, in milliseconds; above zero.
        valid_for: Millis,
        /// Whether this is the first time since it last led in another term or stepped down.
        begins: bool,
    },
    /// Nothing may be sent until `Lead` is told again; what waits for an answer goes on waiting, for it is the same
    /// term.
    Pause {
        /// The term in which it still leads.
        term: u64,
    },
    /// Another leads, or will: what waits for an answer is dropped.
    StepDown,
}

/// The term in which this replica leads at the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Led {
    term: u64,
    /// What the link was last told; none while it is paused.
    told: Option<Told>,
}

/// What the link was told of leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    at: Millis,
    valid_for: Millis,
}

impl Told {
    /// How long after it the link must be told again.
    fn refresh(self) -> Millis {
        REFRESH_MAX.min(Millis::new(self.valid_for.get() / 2)).max(Millis::new(1))
    }
}

/// The moment in which this replica was first seen to lead in a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Elected {
    term: u64,
    last_index: Option<u64>,
}

/// Whether this replica acts as leader. It does only while a majority has lately confirmed it, so that no lease
/// outlives leadership.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leadership {
    elected: Option<Elected>,
    led: Option<Led>,
}

impl Leadership {
    /// The term in which this replica acts as leader; none while it does not.
    pub fn acting(&self) -> Option<u64> {
        self.led.filter(|led| led.told.is_some()).map(|led| led.term)
    }

    /// Within what time [`Self::follow`] must be called again, so that leadership does not lapse at the link; none while this
    /// replica does not act.
    pub fn refresh(&self) -> Option<Millis> {
        self.led?.told.map(Told::refresh)
    }

    /// Leadership is handed over: this replica acts no more. The caller tells the link so at once, and if nobody follows
    /// after all, everything begins anew.
    pub fn leave(&mut self) {
        self.led = None;
    }

    /// Takes in what consensus says now; returns what the link must be told, if anything.
    pub fn follow(&mut self, standing: Standing, now: Millis) -> Option<Duty> {
        let caught_up = self.is_caught_up(standing);
        if caught_up && standing.confirmed_for > Millis::ZERO {
            return self.lead(standing, now);
        }
        let led = self.led.as_mut()?;
        if standing.leads && standing.term == led.term {
            return led.told.take().map(|_| Duty::Pause { term: led.term });
        }
        self.led = None;
        Some(Duty::StepDown)
    }

    /// Whether it leads and has applied everything that was in its log when it was elected, its own first entry
    /// included: until then its ledger may be older than what devices obey already.
    fn is_caught_up(&mut self, standing: Standing) -> bool {
        let now = Elected { term: standing.term, last_index: standing.last_index };
        let known = self.elected.filter(|elected| elected.term == now.term).unwrap_or(now);
        self.elected = standing.leads.then_some(known);
        standing.leads && standing.applied_index >= known.last_index
    }

    fn lead(&mut self, standing: Standing, now: Millis) -> Option<Duty> {
        let known = self.led.filter(|led| led.term == standing.term);
        let told = known.and_then(|led| led.told);
        if told.is_some_and(|told| now.saturating_sub(told.at) < told.refresh()) {
            return None;
        }
        self.led = Some(Led { term: standing.term, told: Some(Told { at: now, valid_for: standing.confirmed_for }) });
        Some(Duty::Lead { term: standing.term, valid_for: standing.confirmed_for, begins: known.is_none() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leads in this term with its log applied, confirmed for so many milliseconds.
    fn leads(term: u64, confirmed_for: i64) -> Standing {
        let confirmed_for = Millis::new(confirmed_for);
        Standing { term, leads: true, last_index: Some(9), applied_index: Some(9), confirmed_for }
    }

    fn follows(term: u64) -> Standing {
        Standing { leads: false, ..leads(term, 0) }
    }

    fn lead(term: u64, valid_for: i64, begins: bool) -> Duty {
        Duty::Lead { term, valid_for: Millis::new(valid_for), begins }
    }

    /// Follows one standing after another, 5 ms apart.
    fn check(steps: &[(Standing, Option<Duty>, Option<u64>)]) {
        let mut leadership = Leadership::default();
        for (nth, &(standing, duty, acting)) in steps.iter().enumerate() {
            let now = Millis::new(5 * i64::try_from(nth).expect("few"));
            assert_eq!(leadership.follow(standing, now), duty, "step {nth}");
            assert_eq!(leadership.acting(), acting, "step {nth}");
        }
    }

    #[test]
    fn leadership_is_told_at_once_and_then_every_twenty_milliseconds() {
        let quiet = (leads(3, 80), None, Some(3));
        let first = (leads(3, 90), Some(lead(3, 90, true)), Some(3));
        check(&[first, quiet, quiet, quiet, (leads(3, 70), Some(lead(3, 70, false)), Some(3)), quiet]);
    }

    #[test]
    fn a_short_confirmation_is_told_again_before_it_lapses() {
        check(&[
            (leads(3, 10), Some(lead(3, 10, true)), Some(3)),
            (leads(3, 9), Some(lead(3, 9, false)), Some(3)),
            (leads(3, 7), Some(lead(3, 7, false)), Some(3)),
        ]);
        let mut leadership = Leadership::default();
        assert_eq!(leadership.refresh(), None);
        leadership.follow(leads(3, 1), Millis::ZERO);
        assert_eq!(leadership.refresh(), Some(Millis::new(1)), "a busy loop helps nobody");
    }

    #[test]
    fn a_confirmation_that_lapses_and_comes_back_in_the_same_term_begins_nothing_anew() {
        check(&[
            (leads(3, 90), Some(lead(3, 90, true)), Some(3)),
            (leads(3, 0), Some(Duty::Pause { term: 3 }), None),
            (leads(3, 0), None, None),
            (leads(3, 90), Some(lead(3, 90, false)), Some(3)),
        ]);
    }

    #[test]
    fn whoever_was_told_to_step_down_begins_anew() {
        check(&[
            (leads(3, 90), Some(lead(3, 90, true)), Some(3)),
            (follows(4), Some(Duty::StepDown), None),
            (follows(4), None, None),
            (leads(5, 90), Some(lead(5, 90, true)), Some(5)),
            // The link has dropped what waited: the same term or not, it is sent again.
            (follows(5), Some(Duty::StepDown), None),
            (leads(5, 90), Some(lead(5, 90, true)), Some(5)),
        ]);
    }

    #[test]
    fn whoever_hands_over_acts_no_more_and_begins_anew_if_nobody_follows() {
        let mut leadership = Leadership::default();
        assert_eq!(leadership.follow(leads(3, 90), Millis::ZERO), Some(lead(3, 90, true)));
        leadership.leave();
        assert_eq!((leadership.acting(), leadership.refresh()), (None, None));
        // Consensus vouches for nothing meanwhile.
        assert_eq!(leadership.follow(leads(3, 0), Millis::new(5)), None);
        assert_eq!(leadership.follow(leads(3, 90), Millis::new(10)), Some(lead(3, 90, true)));
    }

    #[test]
    fn a_new_term_begins_anew_whether_or_not_the_old_one_was_seen_to_end() {
        check(&[
            (leads(3, 90), Some(lead(3, 90, true)), Some(3)),
            (leads(4, 90), Some(lead(4, 90, true)), Some(4)),
            (leads(4, 0), Some(Duty::Pause { term: 4 }), None),
            (leads(6, 0), Some(Duty::StepDown), None),
            (leads(6, 90), Some(lead(6, 90, true)), Some(6)),
        ]);
    }

    #[test]
    fn nobody_acts_before_the_log_that_was_there_at_the_election_is_applied() {
        let behind = |last, applied| Standing { last_index: Some(last), applied_index: Some(applied), ..leads(3, 90) };
        check(&[
            (Standing { applied_index: None, ..leads(3, 90) }, None, None),
            (behind(12, 8), None, None),
            (behind(12, 9), Some(lead(3, 90, true)), Some(3)),
        ]);
    }
}
