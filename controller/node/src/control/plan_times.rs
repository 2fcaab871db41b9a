//! When the newest plans passed which stage: a tick that decided, the proposal, the commit.

use std::collections::VecDeque;

use ridethrough_dashboard::PlanView;

use crate::clock::monotonic_ns;

/// So many plans are remembered.
const PLANS_MAX: usize = 16;

/// The newest plans, the newest last.
#[derive(Clone, Debug, Default)]
pub struct PlanTimes {
    tick_at_ns: i64,
    plans: VecDeque<PlanView>,
}

impl PlanTimes {
    /// A tick begins.
    pub fn begin_tick(&mut self) {
        self.tick_at_ns = monotonic_ns();
    }

    /// Its plan is on its way.
    pub fn proposed(&mut self) {
        if self.plans.len() == PLANS_MAX {
            self.plans.pop_front();
        }
        let (tick_at_ns, proposed_at_ns) = (self.tick_at_ns, monotonic_ns());
        self.plans.push_back(PlanView { tick_at_ns, proposed_at_ns, ..PlanView::default() });
    }

    /// The plan that was on its way is in the log, at this index; or it is not.
    pub fn answered(&mut self, index: Option<u64>) {
        let Some(plan) = self.plans.back_mut().filter(|plan| plan.index.is_none()) else { return };
        match index {
            Some(_) => (plan.index, plan.committed_at_ns) = (index, monotonic_ns()),
            None => drop(self.plans.pop_back()),
        }
    }

    /// Those that are committed.
    pub fn committed(&self) -> Vec<PlanView> {
        self.plans.iter().filter(|plan| plan.index.is_some()).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_plans_are_told_with_their_moments_in_order_and_failed_ones_are_not() {
        let mut times = PlanTimes::default();
        for index in 1..=20 {
            times.begin_tick();
            times.proposed();
            times.answered((index != 19).then_some(index));
            times.answered(None);
        }
        let told = times.committed();
        let indexes: Vec<u64> = told.iter().filter_map(|plan| plan.index).collect();
        assert_eq!(indexes, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20][..].to_vec());
        assert!(
            told.iter()
                .all(|plan| plan.tick_at_ns <= plan.proposed_at_ns && plan.proposed_at_ns <= plan.committed_at_ns)
        );
        times.begin_tick();
        times.proposed();
        assert_eq!(times.committed().last(), told.last(), "what is on its way is not told");
    }
}
