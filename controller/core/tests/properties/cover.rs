//! More deficit never yields less cover.

use proptest::prelude::*;
use proptest::sample::Index;
use ridethrough_core::command::Plan;
use ridethrough_core::site::Site;

use super::day::{Day, forecast};
use super::random_site::{config, random_row};

/// A leg of less is left to the margin.
const LEG_STEP_WATTS: i64 = 500;

/// What every rack is expected to take, in thousandths of its nameplate, and what every module stores.
#[derive(Clone, Debug)]
pub struct Want {
    pub peaks: Vec<i64>,
    pub stored: Vec<i64>,
}

/// A random want of any row.
pub fn want() -> impl Strategy<Value = Want> {
    (prop::collection::vec(0..1_000_i64, 10), prop::collection::vec(0..1_000_i64, 4))
        .prop_map(|(peaks, stored)| Want { peaks, stored })
}

/// What a planner without a past plans for it.
pub fn planned(site: &Site, want: &Want) -> (Day, Plan) {
    let mut day = Day::new(site.clone());
    for kesm in site.kesm_ids() {
        day.stored(kesm, want.stored[kesm.index()], true);
    }
    for rack in site.rack_ids() {
        day.forecasts[rack.index()] = forecast(site.rack(rack).nameplate.get() * want.peaks[rack.index()] / 1_000);
    }
    let plan = day.plan();
    (day, plan)
}

fn delivered(plan: &Plan) -> i64 {
    plan.grants.iter().flat_map(|grant| &grant.legs).map(|leg| leg.delivered.get()).sum()
}

proptest! {
    #![proptest_config(config())]

    /// Where single failures leave nothing out: a plan that cannot be made secure loses whole transfers, so there more
    /// deficit may well yield less cover (I9 stands above it).
    #[test]
    fn more_deficit_never_yields_less_cover(
        row in random_row(),
        want in want(),
        which in any::<Index>(),
        more in 1..500_i64,
    ) {
        let site = row.with_wide_feeder().at_ease().site();
        let which = which.index(site.racks.len());
        let (_, before) = planned(&site, &want);
        let mut raised = want.clone();
        raised.peaks[which] = (raised.peaks[which] + more).min(1_000);
        let (_, after) = planned(&site, &raised);
        let allowed = LEG_STEP_WATTS * i64::try_from(site.racks.len()).expect("few");
        let (before_watts, after_watts) = (delivered(&before), delivered(&after));
        prop_assert!(after_watts + allowed >= before_watts, "{before_watts} W before, {after_watts} W after\n{before:#?}\n{after:#?}");
    }
}
