//! The moments of one reaction, and the stages between them.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// When the plan for one step passed which stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moments {
    /// The PDU's first sample over the limit was about to be sent.
    pub(super) sampled: Instant,
    /// The leader's tick began that decided.
    pub(super) tick: Instant,
    /// The plan was handed to consensus.
    pub(super) proposed: Instant,
    /// It was known to be committed.
    pub(super) committed: Instant,
    /// The module's ack had been sent.
    pub(super) acked: Instant,
}

/// What they come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stages {
    pub(super) total: Duration,
    pub(super) wait_for_tick: Duration,
    pub(super) besides_tick: Duration,
    pub(super) decide: Duration,
    pub(super) commit: Duration,
    pub(super) wire: Duration,
}

impl Moments {
    /// The stages; none when the tick began before the sample was sent, so that the help was for something else: foreseen, or
    /// of the rack's row.
    pub(super) fn stages(&self) -> Option<Stages> {
        let wait_for_tick = self.tick.checked_duration_since(self.sampled)?;
        let total = self.acked.checked_duration_since(self.sampled)?;
        Some(Stages {
            total,
            wait_for_tick,
            besides_tick: total.checked_sub(wait_for_tick)?,
            decide: self.proposed.saturating_duration_since(self.tick),
            commit: self.committed.saturating_duration_since(self.proposed),
            // An order may go a moment before the leader's thread has noted the commit.
            wire: self.acked.saturating_duration_since(self.committed),
        })
    }
}

/// Turns what another process read of the machine's monotonic clock into this one's instants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    at: Instant,
    ns: i64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let time = clock_gettime(ClockId::CLOCK_MONOTONIC);
        let ns = time.map_or(0, |time| time.tv_sec().saturating_mul(1_000_000_000).saturating_add(time.tv_nsec()));
        Self { at: Instant::now(), ns }
    }

    /// The instant at which that clock told so many nanoseconds; none when that was never.
    pub(super) fn instant(&self, ns: i64) -> Option<Instant> {
        let span = Duration::from_nanos(ns.abs_diff(self.ns));
        if ns >= self.ns { self.at.checked_add(span) } else { self.at.checked_sub(span) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(tick: u64, proposed: u64, committed: u64, acked: u64) -> Moments {
        let sampled = Instant::now();
        let at = |ms| sampled + Duration::from_millis(ms);
        Moments { sampled, tick: at(tick), proposed: at(proposed), committed: at(committed), acked: at(acked) }
    }

    #[test]
    fn stages_add_up() {
        let ms = Duration::from_millis;
        let expected = Stages {
            total: ms(60),
            wait_for_tick: ms(40),
            besides_tick: ms(20),
            decide: ms(5),
            commit: ms(12),
            wire: ms(3),
        };
        assert_eq!(moments(40, 45, 57, 60).stages(), Some(expected));
        let noted_late = moments(40, 45, 61, 60).stages().expect("in order");
        assert_eq!((noted_late.wire, noted_late.besides_tick), (ms(0), ms(20)));
    }

    #[test]
    fn help_that_was_decided_before_the_sample_is_no_reaction() {
        let early = Moments { tick: Instant::now(), ..moments(0, 1, 2, 3) };
        let early = Moments { sampled: early.tick + Duration::from_millis(1), ..early };
        assert_eq!(early.stages(), None);
    }

    #[test]
    fn another_process_tells_instants_of_the_same_clock() {
        let clock = Clock { at: Instant::now(), ns: 5_000_000 };
        let at = |ns| clock.instant(ns).expect("near");
        assert_eq!(at(7_000_000), clock.at + Duration::from_millis(2));
        assert_eq!(at(4_000_000), clock.at.checked_sub(Duration::from_millis(1)).expect("near"));
        let (before, told, after) = (Instant::now(), Clock::start(), Instant::now());
        assert!(told.instant(told.ns).is_some_and(|at| before <= at && at <= after));
    }
}
