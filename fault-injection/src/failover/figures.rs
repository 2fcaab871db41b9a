//! What a run of failovers came to.

use std::time::Duration;

use serde::Serialize;

use super::{Fault, Stalls};

/// Gaps of one kind of fault.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Gaps {
    /// Half were no longer, in ms; none without a trial.
    pub p50: Option<f64>,
    /// One in a hundred was longer, in ms.
    pub p99: Option<f64>,
    /// The longest, in ms.
    pub max: Option<f64>,
    #[serde(skip)]
    each_ms: Vec<f64>,
}

/// What a run of failovers came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// How often the leader was killed.
    pub kills: usize,
    /// From SIGKILL until a device obeyed the next leader.
    pub gap_ms: Gaps,
    /// How often the leader was frozen.
    pub freezes: usize,
    /// From SIGSTOP until a device obeyed the next leader.
    pub frozen_gap_ms: Gaps,
    /// How often the leader handed over because it was asked to.
    pub transfers: usize,
    /// From the wish until a device obeyed the next leader.
    pub transfer_ms: Gaps,
    /// How often a transfer was refused and asked for again.
    pub transfers_refused: u64,
    /// Elections beyond one for each fault, those of the soak among them.
    pub false_elections: u64,
    /// Seconds in which nothing happened.
    pub soak_s: u64,
    /// Elections in them.
    pub soak_elections: u64,
    /// How long the machine itself stood still in them.
    pub soak_stalls: Stalls,
    /// The same in the whole run.
    pub stalls: Stalls,
    /// Orders that devices executed.
    pub orders_executed: u64,
    /// Executed orders that no committed entry explains (I1).
    pub uncommitted_executed: u64,
    /// Orders that a device executed twice (I4).
    pub executed_twice: u64,
    /// Whether the three logs and the devices' records agree.
    pub audit_verified: bool,
}

impl Gaps {
    pub(crate) fn note(&mut self, gap: Duration) {
        self.each_ms.push(gap.as_secs_f64() * 1e3);
        self.each_ms.sort_by(f64::total_cmp);
        let last = self.each_ms.len() - 1;
        let at =
            |percent: usize| self.each_ms.get((last * percent).div_ceil(100)).map(|ms| (ms * 100.0).round() / 100.0);
        (self.p50, self.p99, self.max) = (at(50), at(99), at(100));
    }

    pub(crate) fn told(&self) -> String {
        let ms = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.1}"));
        format!("p50 {} ms, p99 {} ms, max {} ms", ms(self.p50), ms(self.p99), ms(self.max))
    }
}

impl Figures {
    pub(super) fn note(&mut self, fault: Fault, gap: Duration, elections: u64) {
        let (count, gaps) = match fault {
            Fault::Kill => (&mut self.kills, &mut self.gap_ms),
            Fault::Freeze => (&mut self.freezes, &mut self.frozen_gap_ms),
            Fault::Transfer => (&mut self.transfers, &mut self.transfer_ms),
        };
        *count += 1;
        gaps.note(gap);
        self.false_elections += elections;
    }

    pub(super) fn told(&self, fault: Fault) -> String {
        match fault {
            Fault::Kill => self.gap_ms.told(),
            Fault::Freeze => self.frozen_gap_ms.told(),
            Fault::Transfer => self.transfer_ms.told(),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        format!(
            "leader handed over {} times   {}; refused before {} times\nleader killed {} times   {}\nleader frozen {} times   {}\nelections beyond those needed: {} (in {} s without a fault: {})\n\
             the machine itself: {}\n\
             orders executed {}; uncommitted {}, twice {}; audit {}\n",
            self.transfers,
            self.transfer_ms.told(),
            self.transfers_refused,
            self.kills,
            self.gap_ms.told(),
            self.freezes,
            self.frozen_gap_ms.told(),
            self.false_elections,
            self.soak_s,
            self.soak_elections,
            self.stalls.told(),
            self.orders_executed,
            self.uncommitted_executed,
            self.executed_twice,
            if self.audit_verified { "verified" } else { "FAILED" },
        )
    }

    /// Whether nothing happened that must not.
    pub fn passed(&self) -> bool {
        self.audit_verified && self.uncommitted_executed == 0 && self.executed_twice == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ninety_ninth_of_a_hundred_gaps_is_told() {
        let mut gaps = Gaps::default();
        (1..=100).rev().for_each(|ms| gaps.note(Duration::from_millis(ms)));
        assert_eq!((gaps.p50, gaps.p99, gaps.max), (Some(51.0), Some(100.0), Some(100.0)));
        assert_eq!(Gaps::default().told(), "p50 - ms, p99 - ms, max - ms");
    }
}
