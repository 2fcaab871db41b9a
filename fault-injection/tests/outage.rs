//! What the plant does by itself when its feed sags, fails and comes back.

mod support;

use ridethrough_core::site::{FeedId, KesmId, RackId, RowId};
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::fault::{DeviceFault, Event, Happening, Utility};
use ridethrough_fault_injection::plant::judge::{DarkCause, Place};
use ridethrough_fault_injection::plant::supply::{Generator, GeneratorSpec, GeneratorState, Source, SupplySpec};
use ridethrough_fault_injection::scenario::Scenario;
use support::{FIRST, LAST, MIDDLE, chain, chain_scenario, order_kesm, order_tie};

const LOADS: [(i64, i64); 3] = [(12_000, 12_000); 3];
const RACKS: [RackId; 3] = [FIRST, MIDDLE, LAST];
const GENERATOR: GeneratorSpec = GeneratorSpec {
    rated_watts: 60_000.0,
    start_after_ms: 1_000,
    start_ms: 8_000,
    failed_starts: 0,
    step_share_max: 0.8,
    row_interval_ms: 2_000,
};

/// Utility A gives this share of nominal from 2 s on, for so many ms.
fn sag(share: f64, lasting_ms: u64) -> Event {
    let what = Happening::UtilityVolts { feed: FeedId(0), utility: Utility::A, share };
    Event { at_ms: 2_000, until_ms: Some(2_000 + lasting_ms), what }
}

fn world(supply: SupplySpec, events: Vec<Event>) -> World {
    let scenario = chain_scenario(LOADS, 7);
    World::new(&Scenario { supplies: vec![supply], events, ..scenario })
}

fn check_energy(world: &World) {
    assert!(world.energy_error_share().abs() < 1e-6, "{:e}", world.energy_error_share());
}

/// Failures of servers and violations of the ITIC curve, by rack.
fn harm(world: &World) -> [(u32, u32); 3] {
    let judges = world.judges();
    RACKS.map(|rack| (judges.racks[rack.index()].failures, judges.racks[rack.index()].itic_violations))
}

#[test]
fn an_outage_is_bridged_without_asking_anyone() {
    let mut world = world(SupplySpec::default(), vec![sag(0.0, 1_500)]);
    world.run_ms(3_000);
    assert!(world.feed_watts(RowId(0)).abs() < 1e-9, "nothing comes from outside");
    for rack in RACKS {
        let share = world.bus_volts(rack) / 800.0;
        assert!((0.97..=1.0).contains(&share) && (world.load_watts(rack) - 12_000.0).abs() < 1.0, "{rack:?}: {share}");
        assert!(world.draw_watts(rack).abs() < 1e-9, "no bus feeds another but over a tie");
    }
    assert!(world.tie(0).flow_watts() > 5_000.0 && world.tie(1).flow_watts() < -5_000.0);
    world.run_ms(7_000);
    assert_eq!(harm(&world), [(0, 0); 3]);
    for rack in RACKS {
        assert!(
            (world.draw_watts(rack) - 12_000.0).abs() < 1.0,
            "the feed has its load back: {}",
            world.draw_watts(rack)
        );
    }
    check_energy(&world);
}

#[test]
fn the_feed_gets_its_load_back_slowly() {
    let mut world = world(SupplySpec::default(), vec![sag(0.0, 1_000)]);
    world.run_ms(3_000);
    let mut before_watts = world.feed_watts(RowId(0));
    for _ in 0..60 {
        world.run_ms(100);
        let watts = world.feed_watts(RowId(0));
        assert!(watts - before_watts < 1_500.0, "from {before_watts} to {watts} W in 100 ms");
        before_watts = watts;
    }
    assert!((before_watts - 36_000.0).abs() < 100.0, "{before_watts}");
}

#[test]
fn a_shallow_sag_is_shared_between_feed_and_modules() {
    let mut world = world(SupplySpec::default(), vec![sag(0.96, 3_000)]);
    world.run_ms(3_000);
    let draw_watts = world.draw_watts(FIRST);
    assert!((4_000.0..8_000.0).contains(&draw_watts), "half of it, by droop: {draw_watts}");
    assert!((world.bus_volts(FIRST) / 800.0 - 0.96).abs() < 0.001);
    check_energy(&world);
}

#[test]
fn without_storage_servers_fail_when_their_hold_up_is_used_and_start_again() {
    let off = |kesm| Event {
        at_ms: 0,
        until_ms: None,
        what: Happening::Device {
            device: ridethrough_core::device::DeviceId::Kesm(KesmId(kesm)),
            fault: DeviceFault::Broken,
        },
    };
    let mut world = world(SupplySpec::default(), vec![off(0), off(1), sag(0.0, 500)]);
    world.run_ms(2_000);
    // 12 kW of 70 kW: beyond the two points of the page, on their line.
    let mut lasted_ms = 0;
    while world.serves(FIRST) {
        world.step();
        lasted_ms += 1;
        assert!(lasted_ms < 30);
    }
    assert_eq!(lasted_ms, 16);
    world.run_ms(2_000);
    assert_eq!(harm(&world), [(1, 1); 3], "and the bus was dead for longer than 20 ms");
    assert!(world.load_watts(FIRST).abs() < 1e-9);
    world.run_ms(60_000);
    assert!((world.load_watts(FIRST) - 12_000.0).abs() < 1e-6, "they have started again");
    assert!(world.judges().racks[0].unserved_joules > 12_000.0 * 60.0);
    check_energy(&world);
}

#[test]
fn an_outage_longer_than_the_stored_energy_ends_dark() {
    let mut world = world(SupplySpec::default(), vec![sag(0.0, 300_000)]);
    world.run_ms(250_000);
    assert!(RACKS.into_iter().all(|rack| !world.serves(rack)));
    let judges = world.judges();
    assert!(judges.kesms.iter().all(|kesm| kesm.lowest_joules < 5_000.0), "{:?}", judges.kesms);
    check_energy(&world);
}

#[test]
fn a_second_utility_takes_over_and_nobody_notices() {
    let supply = SupplySpec { second_utility: true, ..SupplySpec::default() };
    let mut world = world(supply, vec![sag(0.0, 4_000)]);
    world.run_ms(2_050);
    assert_eq!(world.supply(FeedId(0)).source(), Source::Open);
    world.run_ms(950);
    assert_eq!(world.supply(FeedId(0)).source(), Source::UtilityB);
    world.run_ms(27_000);
    assert_eq!(world.supply(FeedId(0)).source(), Source::UtilityA);
    assert_eq!(harm(&world), [(0, 0); 3]);
    check_energy(&world);
}

#[test]
fn the_modules_bridge_until_the_generator_carries_the_load() {
    let supply = SupplySpec { generator: Some(GENERATOR), ..SupplySpec::default() };
    let mut world = world(supply, vec![sag(0.0, 60_000)]);
    world.run_ms(20_000);
    let generator = world.supply(FeedId(0)).generator().expect("there is one");
    assert!(matches!(generator.state(), GeneratorState::Running { .. }));
    assert!((world.feed_watts(RowId(0)) - 36_000.0).abs() < 100.0, "{}", world.feed_watts(RowId(0)));
    world.run_ms(60_000);
    assert_eq!(world.supply(FeedId(0)).source(), Source::UtilityA);
    assert_eq!(harm(&world), [(0, 0); 3]);
    check_energy(&world);
}

#[test]
fn a_generator_that_refuses_leaves_it_to_the_modules() {
    let supply = SupplySpec { generator: Some(GENERATOR), ..SupplySpec::default() };
    let refuses = Event { at_ms: 0, until_ms: None, what: Happening::GeneratorRefuses { feed: FeedId(0) } };
    let mut world = world(supply, vec![refuses, sag(0.0, 40_000)]);
    world.run_ms(41_000);
    assert_eq!(world.supply(FeedId(0)).generator().map(Generator::state), Some(GeneratorState::Failed));
    assert_eq!(harm(&world), [(0, 0); 3], "there was enough stored");
    check_energy(&world);
}

/// The row's limit is 90 kW; three racks at 32 kW are 6.7 % over it.
#[test]
fn an_overloaded_row_opens_its_feed_and_its_racks_live_on_their_modules() {
    let mut scenario = chain_scenario([(21_000, 21_000); 3], 7);
    scenario.site.rows[0].limit = ridethrough_core::units::Watts::new(40_000);
    let mut world = World::new(&scenario);
    world.run_ms(40_000);
    let judges = world.judges();
    assert_eq!((judges.trips[0].place, judges.trips[0].cause), (Place::Row(0), DarkCause::Breaker));
    assert!(judges.rows[0].over_limit_joules > 0.0 && judges.rows[0].peak_damage >= 0.999);
    assert!(RACKS.into_iter().all(|rack| world.serves(rack)), "bridged");
    check_energy(&world);
}

#[test]
fn a_bridge_holds_through_orders_and_charging() {
    let mut world = world(SupplySpec::default(), vec![sag(0.0, 2_000)]);
    order_kesm(&mut world, 0, 50_000, 15_000);
    order_kesm(&mut world, 1, 0, 15_000);
    order_tie(&mut world, 0, ridethrough_core::device::Direction::Forward, 28_000);
    world.run_ms(12_000);
    assert_eq!(harm(&world), [(0, 0); 3]);
    check_energy(&world);
}

/// What an outage takes from a reserve is told apart from what is missing a minute after it.
#[test]
fn a_reserve_that_an_outage_took_is_excused_for_a_minute() {
    let mut scenario = chain_scenario(LOADS, 7);
    for kesm in &mut scenario.site.kesms {
        kesm.reserve = ridethrough_core::units::Joules::new(1_915_000);
    }
    let mut world = World::new(&Scenario { events: vec![sag(0.0, 2_000)], ..scenario });
    let below = |world: &World| {
        let record = world.judges().kesms[0];
        (record.below_reserve_ms, record.below_reserve_supplied_ms)
    };
    world.run_ms(63_900);
    assert!(below(&world).0 > 60_000 && below(&world).1 == 0, "{:?}", below(&world));
    world.run_ms(10_100);
    assert!((9_900..=10_000).contains(&below(&world).1), "{:?}", below(&world));
}

#[test]
fn a_chain_without_events_is_as_good_as_before() {
    let mut world = chain(LOADS);
    world.run_ms(10_000);
    assert_eq!(harm(&world), [(0, 0); 3]);
    assert!(world.judges().feed_peaks_watts[0] > 36_000.0);
}
