//! Every plan is admitted, and a log means one thing.

use proptest::prelude::*;
use ridethrough_core::audit;
use ridethrough_core::ledger::Effect;

use super::day::Day;
use super::random_site::{config, random_row};
use super::single_failures;
use super::steps::step;

proptest! {
    #![proptest_config(config())]

    /// Whatever happens: no plan is refused, no single failure after it is more than breakers bear, two ledgers agree,
    /// and a replay reproduces every state.
    #[test]
    fn every_plan_of_any_day_is_admitted_secure_and_replayed(
        row in random_row(),
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let mut day = Day::new(row.site());
        for step in steps {
            day.happen(&step)?;
            // What the planner knew; once a cap stands, a rack is judged by that.
            let now = day.racks_now();
            match day.tick() {
                Some(effect @ (Effect::Refused(_) | Effect::Diverged { .. })) => {
                    return Err(TestCaseError::fail(format!("after {step:?}: {effect:?}")));
                }
                // While modules bridge, breakers carry nothing, and devices act by themselves.
                Some(_) | None if day.ledger.is_manual() || day.bridges() => {}
                Some(_) => {
                    let ledger = day.ledger.at(day.now);
                    single_failures::are_borne(&ledger, &single_failures::told(&ledger))?;
                    single_failures::are_borne(&ledger, &now)?;
                }
                None => single_failures::are_borne(&day.ledger.at(day.now), &now)?,
            }
        }
        prop_assert_eq!(day.ledger.seen(), day.twin.seen());
        prop_assert_eq!(day.ledger.parts(), day.twin.parts());
        let replay = audit::replay(day.site.clone(), day.entries);
        prop_assert_eq!(replay.divergence, None);
        prop_assert_eq!(replay.ledger.parts(), day.ledger.parts());
    }
}
