//! What devices do by themselves within their ceilings, in milliseconds.

mod support;

use ridethrough_core::device::{DeviceId, Direction, Reading, Setpoint, Verdict};
use ridethrough_core::site::{KesmId, RackId, TieId};
use ridethrough_core::units::Watts;
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::judge::{DarkCause, Place};
use support::{FIRST, HOLD, LAST, LIMIT_WATTS, MIDDLE, chain, order_kesm, order_tie};

const HOLD_WATTS: f64 = 22_800.0;

/// Runs past a step of load at 1 s and checks that the rack is at its hold level soon after and stays there.
fn check_held(world: &mut World, rack: RackId, within_ms: u64) {
    world.run_ms(1_000 + within_ms);
    for _ in 0..5_000 {
        world.step();
        let draw_watts = world.draw_watts(rack);
        assert!((draw_watts - HOLD_WATTS).abs() < 5.0, "{draw_watts} W at {} ms", world.now_ms());
    }
    let over_ms = world.judges().racks[rack.index()].over_limit_ms;
    assert!(over_ms <= within_ms, "over its limit for {over_ms} ms");
    assert!(world.energy_error_share().abs() < 1e-6, "{:e}", world.energy_error_share());
}

#[test]
fn a_module_holds_its_own_rack() {
    let mut world = chain([(12_000, 38_000), (12_000, 12_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 0);
    check_held(&mut world, FIRST, 8);
}

#[test]
fn one_tie_holds_a_rack() {
    let mut world = chain([(12_000, 12_000), (12_000, 40_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 0);
    order_tie(&mut world, 0, Direction::Forward, 28_000);
    check_held(&mut world, MIDDLE, 10);
    assert!((world.draw_watts(FIRST) - 12_000.0).abs() < 5.0, "the module covers what leaves its rack");
}

#[test]
fn two_ties_in_line_hold_a_rack() {
    let mut world = chain([(12_000, 12_000), (12_000, 12_000), (12_000, 40_000)]);
    order_kesm(&mut world, 0, 50_000, 0);
    order_tie(&mut world, 0, Direction::Forward, 28_000);
    order_tie(&mut world, 1, Direction::Forward, 28_000);
    check_held(&mut world, LAST, 12);
    assert!((world.draw_watts(FIRST) - 12_000.0).abs() < 5.0 && (world.draw_watts(MIDDLE) - 12_000.0).abs() < 5.0);
}

#[test]
fn sources_share_in_proportion_to_their_ceilings() {
    let mut world = chain([(12_000, 12_000), (12_000, 34_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 0);
    order_kesm(&mut world, 1, 50_000, 0);
    order_tie(&mut world, 0, Direction::Forward, 28_000);
    order_tie(&mut world, 1, Direction::Backward, 14_000);
    check_held(&mut world, MIDDLE, 10);
    let ratio = world.tie(0).flow_watts() / -world.tie(1).flow_watts();
    assert!((ratio - 2.0).abs() < 0.05, "{ratio}");
}

#[test]
fn a_tie_takes_over_from_a_module_that_fails() {
    let mut world = chain([(12_000, 12_000), (12_000, 12_000), (34_000, 34_000)]);
    order_kesm(&mut world, 0, 50_000, 0);
    order_kesm(&mut world, 1, 50_000, 0);
    order_tie(&mut world, 0, Direction::Forward, 28_000);
    order_tie(&mut world, 1, Direction::Forward, 28_000);
    world.run_ms(500);
    world.set_healthy(DeviceId::Kesm(KesmId(1)), false);
    world.run_ms(15);
    assert!((world.draw_watts(LAST) - HOLD_WATTS).abs() < 5.0, "{} W", world.draw_watts(LAST));
    assert!(world.kesm(1).bus_watts().abs() < 1e-9);
}

#[test]
fn the_donor_sees_it_when_its_module_fails() {
    let mut world = chain([(12_000, 12_000), (12_000, 40_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 0);
    order_tie(&mut world, 0, Direction::Forward, 28_000);
    world.run_ms(1_500);
    let exported_watts = world.tie(0).flow_watts();
    world.set_healthy(DeviceId::Kesm(KesmId(0)), false);
    world.run_ms(5);
    let expected_watts = 12_000.0 + exported_watts;
    assert!(expected_watts > LIMIT_WATTS && (world.draw_watts(FIRST) - expected_watts).abs() < 5.0);
    assert!(world.breaker_damage(FIRST) > 0.0);
}

#[test]
fn ceilings_are_never_passed() {
    let mut world = chain([(12_000, 12_000), (12_000, 40_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 6_000, 0);
    order_tie(&mut world, 0, Direction::Forward, 9_000);
    world.run_ms(3_000);
    let judges = world.judges();
    assert!((judges.ties[0].peak_watts - 9_000.0).abs() < 1.0, "{}", judges.ties[0].peak_watts);
    assert!(world.kesm(0).bus_watts() <= 6_000.0 + 1e-6);
    assert!((world.draw_watts(FIRST) - 15_000.0).abs() < 1.0, "the rest comes through the donor's breaker");
}

#[test]
fn charging_fills_up_to_the_hold_level_and_yields_to_exports() {
    let mut world = chain([(12_000, 18_000), (12_000, 12_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 15_000);
    world.run_ms(900);
    assert!((world.draw_watts(FIRST) - HOLD_WATTS).abs() < 1.0, "12 kW and 10.8 kW of charging");
    world.run_ms(600);
    assert!((world.draw_watts(FIRST) - HOLD_WATTS).abs() < 1.0, "18 kW and 4.8 kW of charging");
    assert!(world.energy_error_share().abs() < 1e-6);

    let mut world = chain([(12_000, 12_000), (12_000, 40_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 15_000);
    order_tie(&mut world, 0, Direction::Forward, 28_000);
    world.run_ms(1_100);
    assert!(world.kesm(0).bus_watts() > 17_000.0, "it turned from charging to supply");
    assert!(world.judges().racks[MIDDLE.index()].over_limit_ms <= 10);
}

#[test]
fn without_an_order_ties_ramp_down_and_modules_stop() {
    let mut world = chain([(12_000, 12_000), (12_000, 40_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 15_000);
    order_tie(&mut world, 0, Direction::Forward, 28_000);
    world.run_ms(2_000);
    world.release(DeviceId::Kesm(KesmId(0)));
    world.release(DeviceId::Tie(TieId(0)));
    let mut flows = vec![world.tie(0).flow_watts()];
    for _ in 0..10 {
        world.step();
        flows.push(world.tie(0).flow_watts());
    }
    assert!(flows.windows(2).all(|pair| pair[0] - pair[1] <= 28_000.0 / 5.0 + 1e-6), "not faster than its slew");
    assert!(flows[10].abs() < 1e-9 && world.kesm(0).bus_watts().abs() < 1e-9);
    assert!(world.draw_watts(MIDDLE) > LIMIT_WATTS, "the rack is alone now");
    assert!(!world.is_ordered(DeviceId::Tie(TieId(0))));
    world.run_ms(1_000);
    assert!((world.draw_watts(FIRST) - 12_000.0).abs() < 1e-6, "no charging without an order");
}

#[test]
fn an_empty_module_leaves_the_rack_to_its_breaker() {
    let mut world = chain([(12_000, 60_000), (12_000, 12_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 0);
    world.run_ms(120_000);
    let judges = world.judges();
    assert_eq!(judges.trips.len(), 1);
    assert_eq!((judges.trips[0].place, judges.trips[0].cause), (Place::Rack(FIRST.index()), DarkCause::Breaker));
    assert!(judges.trips[0].at_ms > 45_000, "held while the module lasted: {} ms", judges.trips[0].at_ms);
    assert!(judges.kesms[0].lowest_joules < 1_000.0 && judges.kesms[0].below_reserve_ms > 0);
    assert!(world.load_watts(FIRST).abs() < 1e-9 && judges.racks[0].unserved_joules > 0.0);
    assert!(world.energy_error_share().abs() < 1e-6, "{:e}", world.energy_error_share());
}

#[test]
fn a_dark_rack_cuts_its_ties_and_comes_back_after_a_reset() {
    let mut world = chain([(12_000, 12_000), (12_000, 60_000), (12_000, 12_000)]);
    order_kesm(&mut world, 0, 50_000, 0);
    order_tie(&mut world, 0, Direction::Forward, 10_000);
    world.run_ms(30_000);
    assert_eq!(world.dark(MIDDLE), Some(DarkCause::Breaker));
    assert!(world.tie(0).flow_watts().abs() < 1e-9 && world.kesm(0).bus_watts().abs() < 1e-9);
    let tie = DeviceId::Tie(TieId(0));
    let setpoint = Setpoint::Tie { direction: Direction::Forward, flow_max: Watts::new(10_000), hold: HOLD };
    assert_eq!(world.order(tie, &setpoint), Verdict::Unavailable);
    assert!(matches!(world.read(tie), Some(Reading::Tie { available: false, .. })));
    let pdu = world.read(DeviceId::Pdu(MIDDLE));
    assert!(matches!(pdu, Some(Reading::Pdu { tripped: true, .. })), "{pdu:?}");
    world.reset_breaker(MIDDLE);
    world.run_ms(100);
    assert!((world.load_watts(MIDDLE) - 60_000.0).abs() < 1e-6);
}

#[test]
fn devices_refuse_what_is_outside_their_limits() {
    let mut world = chain([(12_000, 12_000), (12_000, 12_000), (12_000, 12_000)]);
    let kesm = |supply: i64, charge: i64, hold: i64| Setpoint::Kesm {
        supply_max: Watts::new(supply),
        charge_max: Watts::new(charge),
        hold: Watts::new(hold),
    };
    let tie = |flow: i64| Setpoint::Tie { direction: Direction::Forward, flow_max: Watts::new(flow), hold: HOLD };
    let (k1, t1) = (DeviceId::Kesm(KesmId(0)), DeviceId::Tie(TieId(0)));
    for (device, setpoint) in [
        (k1, kesm(50_001, 0, 22_800)),
        (k1, kesm(0, 15_001, 22_800)),
        (k1, kesm(0, 0, 24_001)),
        (k1, kesm(-1, 0, 22_800)),
        (k1, tie(1_000)),
        (t1, tie(28_001)),
        (t1, kesm(0, 0, 0)),
        (DeviceId::Pdu(FIRST), tie(0)),
        (DeviceId::Tie(TieId(9)), tie(0)),
    ] {
        assert_eq!(world.order(device, &setpoint), Verdict::BeyondLimits, "{device:?} {setpoint:?}");
    }
    world.set_healthy(k1, false);
    assert_eq!(world.order(k1, &kesm(0, 0, 0)), Verdict::Unavailable);
}
