//! What PDUs make of their orders: caps shared out, servers shut down in good order, and what stays when nobody orders.

mod support;

use ridethrough_core::device::{DeviceId, Setpoint, Verdict};
use ridethrough_core::site::{FeedId, KesmId, RackId, ServerId};
use ridethrough_core::units::Watts;
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::fault::{DeviceFault, Happening, Utility};
use ridethrough_fault_injection::plant::server::Running;
use support::{FIRST, LAST, MIDDLE, order_pdu, tiered_scenario};

/// The middle rack comes to 30 kW on a breaker of 24 kW.
const LOADS: [(i64, i64); 3] = [(12_000, 12_000), (12_000, 30_000), (12_000, 12_000)];
const NAMEPLATE: i64 = 72_000;
/// The servers of the middle rack, of tiers 1, 2 and 4.
const SERVERS: [ServerId; 3] = [ServerId(3), ServerId(4), ServerId(5)];

fn world() -> World {
    World::new(&tiered_scenario(LOADS, 7))
}

fn check_energy(world: &World) {
    assert!(world.energy_error_share().abs() < 1e-6, "{:e}", world.energy_error_share());
}

fn watts(world: &World) -> [f64; 3] {
    SERVERS.map(|server| world.server(server).watts())
}

#[test]
fn a_cap_is_held_and_what_matters_least_gives_first() {
    let mut world = world();
    world.run_ms(1_500);
    order_pdu(&mut world, MIDDLE, 22_000, 4);
    assert!(world.is_ordered(DeviceId::Pdu(MIDDLE)));
    world.run_ms(5_000);
    let [first, second, third] = watts(&world);
    assert!((first - 10_000.0).abs() < 1.0 && (second - 10_000.0).abs() < 1.0, "{first} {second}");
    assert!((third - 2_000.0).abs() < 5.0, "{third}");
    order_pdu(&mut world, MIDDLE, 10_000, 4);
    world.run_ms(5_000);
    for (found, expected) in watts(&world).into_iter().zip([8_000.0, 1_000.0, 1_000.0]) {
        assert!((found - expected).abs() < 5.0, "{found}, not {expected}");
    }
    assert_eq!(world.servers_held_back(), 3);
    assert!(world.capping().capped_ms > 10_000 && world.capping().shutdown_ms == 0);
    check_energy(&world);
}

#[test]
fn denied_work_is_caught_up_with_under_the_cap() {
    let mut world = world();
    world.run_ms(1_500);
    order_pdu(&mut world, MIDDLE, 22_000, 4);
    world.run_ms(10_000);
    let owed_joules = world.capping().backlog_joules;
    assert!(owed_joules > 50_000.0, "{owed_joules}");
    order_pdu(&mut world, MIDDLE, NAMEPLATE, 4);
    world.run_ms(5_000);
    assert!((world.load_watts(MIDDLE) - 30_000.0).abs() < 5.0, "the recording has no more than this to catch up with");
    assert_eq!(world.servers_held_back(), 0);
    check_energy(&world);
}

#[test]
fn servers_that_shut_down_in_good_order_lose_nothing_in_an_outage() {
    let mut world = world();
    world.run_ms(500);
    for kesm in 0..2 {
        world.set_healthy(DeviceId::Kesm(KesmId(kesm)), false);
    }
    order_pdu(&mut world, MIDDLE, NAMEPLATE, 0);
    world.run_ms(1_900);
    assert!((world.load_watts(MIDDLE) - 0.6 * 30_000.0).abs() < 1.0, "{}", world.load_watts(MIDDLE));
    world.run_ms(200);
    assert!(world.load_watts(MIDDLE).abs() < 1e-9);
    let outage = Happening::UtilityVolts { feed: FeedId(0), utility: Utility::A, share: 0.0 };
    world.happen(outage, true);
    world.run_ms(5_000);
    world.happen(outage, false);
    world.run_ms(1_000);
    let records = world.judges().racks;
    let harm = |rack: RackId| (records[rack.index()].failures, records[rack.index()].itic_violations);
    assert_eq!([FIRST, MIDDLE, LAST].map(harm), [(1, 1), (0, 0), (1, 1)]);
    let account = SERVERS.map(|server| world.server(server).account());
    assert!(account.iter().all(|account| account.orderly_shutdowns == 1 && account.capped_ms == 0), "{account:?}");

    order_pdu(&mut world, MIDDLE, NAMEPLATE, 4);
    world.run_ms(4_900);
    assert!(world.load_watts(MIDDLE).abs() < 1e-9, "they start");
    world.run_ms(200);
    assert!((world.load_watts(MIDDLE) - 30_000.0).abs() < 1e-6);
    let capping = world.capping();
    assert!(capping.shutdown_ms > 3 * 13_000 && capping.backlog_joules < 1.0, "{capping:?}");
    check_energy(&world);
}

#[test]
fn a_shutdown_is_cancelled_by_a_later_order() {
    let mut world = world();
    world.run_ms(1_500);
    order_pdu(&mut world, MIDDLE, NAMEPLATE, 1);
    world.run_ms(1_500);
    assert!(matches!(world.server(SERVERS[1]).running(), Running::ShuttingDown { .. }));
    order_pdu(&mut world, MIDDLE, NAMEPLATE, 4);
    world.run_ms(1_500);
    assert!((world.load_watts(MIDDLE) - 30_000.0).abs() < 1e-6);
    assert_eq!(world.capping().orderly_shutdowns, 0);
}

#[test]
fn a_server_does_not_start_on_a_dead_bus() {
    let mut world = world();
    for kesm in 0..2 {
        world.set_healthy(DeviceId::Kesm(KesmId(kesm)), false);
    }
    order_pdu(&mut world, MIDDLE, NAMEPLATE, 0);
    world.run_ms(3_000);
    let outage = Happening::UtilityVolts { feed: FeedId(0), utility: Utility::A, share: 0.0 };
    world.happen(outage, true);
    order_pdu(&mut world, MIDDLE, NAMEPLATE, 4);
    world.run_ms(10_000);
    assert_eq!(SERVERS.map(|server| world.server(server).running()), [Running::Off; 3]);
    world.happen(outage, false);
    world.run_ms(5_200);
    assert!((world.load_watts(MIDDLE) - 30_000.0).abs() < 1e-6);
    assert_eq!(world.judges().racks[MIDDLE.index()].failures, 0);
}

/// 23.5 kW is too near to a limit of 24 kW to let go of; 20 kW is let go of after a minute.
#[test]
fn a_pdu_on_its_own_keeps_its_last_cap_while_it_is_needed() {
    for (cap, cap_watts, is_kept) in [(23_500, 23_500.0, true), (20_000, 20_000.0, false)] {
        let mut world = world();
        world.run_ms(1_100);
        order_pdu(&mut world, MIDDLE, cap, 4);
        world.run_ms(10_000);
        world.release(DeviceId::Pdu(MIDDLE));
        assert!(!world.is_ordered(DeviceId::Pdu(MIDDLE)));
        world.run_ms(59_000);
        assert!((world.load_watts(MIDDLE) - cap_watts).abs() < 20.0, "{}", world.load_watts(MIDDLE));
        world.run_ms(6_000);
        let expected = if is_kept { cap_watts } else { 30_000.0 };
        assert!((world.load_watts(MIDDLE) - expected).abs() < 20.0, "{}", world.load_watts(MIDDLE));
        check_energy(&world);
    }
}

#[test]
fn a_pdu_refuses_what_it_cannot_do() {
    let mut world = world();
    let pdu = DeviceId::Pdu(MIDDLE);
    let setpoint = |cap, keep_tiers| Setpoint::Pdu { cap: Watts::new(cap), keep_tiers };
    for (cap, keep_tiers) in [(2_999, 4), (1_999, 2), (NAMEPLATE + 1, 4), (NAMEPLATE, 5), (-1, 0)] {
        assert_eq!(world.order(pdu, &setpoint(cap, keep_tiers)), Verdict::BeyondLimits, "{cap} {keep_tiers}");
    }
    for (cap, keep_tiers) in [(3_000, 4), (2_000, 2), (0, 0), (NAMEPLATE, 4)] {
        assert_eq!(world.check(pdu, &setpoint(cap, keep_tiers)), Ok(()), "{cap} {keep_tiers}");
    }
    assert_eq!(world.order(DeviceId::Pdu(RackId(9)), &setpoint(3_000, 4)), Verdict::BeyondLimits);
    world.set_fault(pdu, DeviceFault::LockedOut, true);
    assert_eq!(world.order(pdu, &setpoint(3_000, 4)), Verdict::LockedOut);
    assert!(!world.is_available(pdu));
    world.set_fault(pdu, DeviceFault::LockedOut, false);
    world.set_fault(pdu, DeviceFault::Stuck, true);
    assert_eq!(world.order(pdu, &setpoint(3_000, 4)), Verdict::Executed);
    world.run_ms(3_000);
    assert!(!world.is_ordered(pdu) && world.servers_held_back() == 0);
}

#[test]
fn a_cap_set_by_hand_holds_while_no_order_does() {
    let mut world = world();
    world.run_ms(1_500);
    world.set_cap(SERVERS[0], Some(4_000.0));
    world.run_ms(5_000);
    assert!((watts(&world)[0] - 4_000.0).abs() < 5.0, "{:?}", watts(&world));
    world.set_cap(SERVERS[0], None);
    world.switch(SERVERS[1], false);
    world.run_ms(5_000);
    assert!(watts(&world)[0] > 9_990.0 && watts(&world)[1].abs() < 1e-9);
}
