//! Nothing is left to give: caps, and their end.

use ridethrough_core::command::CapReason;
use ridethrough_core::site::ServerId;

use super::run::{Run, scene};
use crate::support::{LIMIT_WATTS, MIDDLE};

const CALM: &[(u64, f64)] = &[(0, 12_000.0)];

#[test]
fn when_stores_are_exhausted_what_matters_least_is_capped_until_the_load_falls() {
    const HEAVY: &[(u64, f64)] = &[(0, 12_000.0), (3_000, 31_000.0), (90_000, 14_000.0)];
    let mut scenario = scene([CALM, HEAVY, CALM], Vec::new());
    // Both modules begin a little above their reserve of 630 kJ.
    scenario.physics.charge_start = 0.31;
    let mut run = Run::new(&scenario);
    let [most, middle, least] = [3, 4, 5].map(ServerId);
    let capped = run.first(20_000, |run| run.world.server(least).is_capped());
    assert!(capped.is_some(), "{:?}", run.caps());
    assert!(run.caps().iter().all(|(_, cap)| cap.rack == MIDDLE));
    assert!(run.caps().iter().any(|(_, cap)| cap.reason == CapReason::RackUncovered));
    run.until(60_000);
    // 8 kW have to go, of the 10 kW that the least important takes.
    assert!(run.world.server(least).is_capped());
    assert!(!run.world.server(most).is_capped() && !run.world.server(middle).is_capped());
    assert!(run.world.draw_watts(MIDDLE) <= LIMIT_WATTS, "{}", run.world.draw_watts(MIDDLE));
    run.until(130_000);
    assert_eq!(run.world.servers_held_back(), 0, "lifted");
    assert_eq!(run.leader.control().ledger().caps().count(), 0);
    run.is_sound();
}
