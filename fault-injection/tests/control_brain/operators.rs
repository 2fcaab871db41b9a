//! What an operator says stands above what the planner thinks.

use ridethrough_core::command::{Action, ReleaseReason};
use ridethrough_core::device::DeviceId;
use ridethrough_core::ledger::Effect;
use ridethrough_core::operate::TransferRequest;
use ridethrough_core::units::Watts;

use super::run::{K1, K2, Run, scene};
use crate::support::{FIRST, LIMIT_WATTS, MIDDLE};

const CALM: &[(u64, f64)] = &[(0, 12_000.0)];
const SURGE: &[(u64, f64)] = &[(0, 12_000.0), (3_000, 31_000.0)];

fn request(rack: &str, source: Option<&str>, watts: i64) -> TransferRequest {
    TransferRequest { rack: rack.into(), source: source.map(str::to_owned), watts: Watts::new(watts), hold: None }
}

#[test]
fn a_hold_ends_what_rests_on_the_device_and_its_end_gives_it_back() {
    let mut run = Run::new(&scene([SURGE, CALM, CALM], Vec::new()));
    run.until(8_000);
    assert_eq!(run.sources(FIRST), [K1]);
    let held = run.leader.operate(&run.world, Action::Hold(DeviceId::Kesm(K1)));
    assert!(matches!(held, Effect::Admitted { .. }), "{held:?}");
    let ledger = run.leader.control().ledger();
    assert!(ledger.transfer(FIRST).is_none());
    assert!(ledger.closings().iter().any(|closing| closing.reason == ReleaseReason::Operator));
    run.until(10_000);
    assert_eq!(run.sources(FIRST), [K2], "another takes over");
    assert!(run.world.kesm(0).bus_watts().abs() < 1.0, "it does nothing: {}", run.world.kesm(0).bus_watts());
    assert!(run.world.draw_watts(FIRST) < LIMIT_WATTS);
    run.leader.operate(&run.world, Action::Resume(DeviceId::Kesm(K1)));
    let back = run.first(30_000, |run| run.sources(FIRST) == [K1]);
    assert!(back.is_some());
    run.is_sound();
}

#[test]
fn manual_mode_stops_planning_until_it_is_given_back() {
    let mut run = Run::new(&scene([CALM, SURGE, CALM], Vec::new()));
    run.until(2_000);
    assert!(matches!(run.leader.operate(&run.world, Action::ManualOn), Effect::Admitted { .. }));
    run.until(13_000);
    let acts = run.plans().filter(|(at_ms, _)| *at_ms >= 2_000);
    assert_eq!(acts.count(), 0, "nothing is planned");
    assert!(run.world.draw_watts(MIDDLE) > LIMIT_WATTS);
    run.leader.operate(&run.world, Action::ManualOff);
    run.until(15_000);
    assert_eq!(run.sources(MIDDLE), [K1]);
    assert!(run.world.draw_watts(MIDDLE) < LIMIT_WATTS);
    run.is_sound();
}

#[test]
fn what_is_too_much_is_denied_with_the_largest_amount_and_that_is_admitted() {
    let mut run = Run::new(&scene([CALM, SURGE, CALM], Vec::new()));
    run.until(6_000);
    for (rack, source) in [("first", None), ("middle", Some("K1")), ("middle", Some("K2")), ("last", Some("K1"))] {
        let asked = request(rack, source, 200_000);
        let denied = run.leader.ask(&run.world, &asked).expect("it has planned").expect_err("200 kW are too much");
        assert!(denied.largest > Watts::new(5_000) && !denied.refusal.violations.is_empty(), "{denied:?}");
        let again = TransferRequest { watts: denied.largest, ..asked };
        let action = run.leader.ask(&run.world, &again).expect("it has planned").expect("it was offered");
        let effect = run.leader.operate(&run.world, action);
        assert!(matches!(effect, Effect::Admitted { .. }), "{rack} {source:?}: {effect:?}");
        let end = Action::End(named(&run, rack));
        run.leader.operate(&run.world, end);
        run.until(run.world.now_ms() + 1_000);
    }
    run.is_sound();
}

fn named(run: &Run, name: &str) -> ridethrough_core::site::RackId {
    let site = run.world.site();
    site.rack_ids().find(|id| site.rack(*id).name == name).expect("it is there")
}
