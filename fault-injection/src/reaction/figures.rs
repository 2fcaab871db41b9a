//! What a run of reactions came to.

use serde::Serialize;

use super::moments::{Moments, Stages};
use crate::failover::Gaps;

/// What a run came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Racks of the site.
    pub racks: usize,
    /// Modules of the site.
    pub kesms: usize,
    /// Racks that stepped over their limits.
    pub steps: usize,
    /// Steps that a module answered: all figures are of these.
    pub samples: usize,
    /// Steps whose help had been decided before their first sample over the limit was sent.
    pub foreseen: usize,
    /// Steps that no module had answered after a second and a half.
    pub unanswered: usize,
    /// Steps of which no sample over the limit was ever sent: a cap or help was there before.
    pub unseen: usize,
    /// From the sample to the ack.
    pub total_ms: Gaps,
    /// The same without the wait for the leader's next tick.
    pub besides_tick_ms: Gaps,
    /// From the sample to the leader's next tick, the way to the leader included.
    pub wait_for_tick_ms: Gaps,
    /// From the beginning of the tick to the proposal: forecast, plan, single failures.
    pub decide_ms: Gaps,
    /// From the proposal to its commit as the leader's control thread knows it.
    pub commit_ms: Gaps,
    /// From there to the module's ack.
    pub wire_ms: Gaps,
    /// What made the forecasts.
    pub forecast_source: String,
    /// How late the plant was at worst.
    pub plant_lag_ms: u64,
}

impl Figures {
    pub(super) fn note(&mut self, moments: Option<&Moments>) {
        let Some(moments) = moments else {
            self.unanswered += 1;
            return;
        };
        match moments.stages() {
            Some(stages) => self.add(&stages),
            None => self.foreseen += 1,
        }
    }

    fn add(&mut self, stages: &Stages) {
        self.samples += 1;
        self.total_ms.note(stages.total);
        self.besides_tick_ms.note(stages.besides_tick);
        self.wait_for_tick_ms.note(stages.wait_for_tick);
        self.decide_ms.note(stages.decide);
        self.commit_ms.note(stages.commit);
        self.wire_ms.note(stages.wire);
    }

    pub(super) fn told(&self) -> String {
        format!("besides the tick {}", self.besides_tick_ms.told())
    }

    /// For people.
    pub fn text(&self) -> String {
        format!(
            "{} racks, {} modules, {}\n{} steps: {} answered, {} foreseen, {} unanswered, {} unseen\n\
             sample to ack      {}\nbesides the tick   {}\n  wait for tick    {}\n  decide           {}\n\
             \x20 commit           {}\n  wire             {}\nplant late by {} ms at worst\n",
            self.racks,
            self.kesms,
            self.forecast_source,
            self.steps,
            self.samples,
            self.foreseen,
            self.unanswered,
            self.unseen,
            self.total_ms.told(),
            self.besides_tick_ms.told(),
            self.wait_for_tick_ms.told(),
            self.decide_ms.told(),
            self.commit_ms.told(),
            self.wire_ms.told(),
            self.plant_lag_ms,
        )
    }

    /// Whether at least half of the steps were answered, so that the figures say something.
    pub fn passed(&self) -> bool {
        self.samples > 0 && self.samples * 2 >= self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn answered_foreseen_and_unanswered_steps_are_counted_apart() {
        let sampled = Instant::now();
        let at = |ms| sampled + Duration::from_millis(ms);
        let good = Moments { sampled, tick: at(30), proposed: at(33), committed: at(38), acked: at(40) };
        let mut figures = Figures { steps: 3, ..Figures::default() };
        figures.note(Some(&good));
        figures.note(Some(&Moments { sampled: at(31), ..good }));
        assert!(!figures.passed());
        figures.note(None);
        assert_eq!((figures.samples, figures.foreseen, figures.unanswered), (1, 1, 1));
        let told = serde_json::to_value(&figures).expect("it serializes");
        assert_eq!(told["total_ms"]["p50"], 40.0);
        assert_eq!(told["besides_tick_ms"]["p99"], 10.0);
        assert_eq!(told["wait_for_tick_ms"]["max"], 30.0);
        let stages = ["decide_ms", "commit_ms", "wire_ms"].map(|stage| told[stage]["p50"].clone());
        assert_eq!(stages, [3.0, 5.0, 2.0]);
        figures.note(Some(&good));
        assert!(figures.passed());
    }
}
