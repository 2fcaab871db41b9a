//! Supplies as devices: they meter through an outage, and have their generators started.

mod support;

use ridethrough_core::device::{DeviceId, GeneratorDuty, GeneratorPhase, Reading, Setpoint, SupplySource, Verdict};
use ridethrough_core::site::{FeedId, KesmId, TieId};
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::fault::{DeviceFault, Happening, Utility};
use ridethrough_fault_injection::plant::supply::GeneratorSpec;
use support::{GENERATOR, chain_scenario, order_kesm, order_tie, with_generator};

const SUPPLY: DeviceId = DeviceId::Supply(FeedId(0));
const RUN: Setpoint = Setpoint::Supply { generator: GeneratorDuty::Run };
const AUTO: Setpoint = Setpoint::Supply { generator: GeneratorDuty::Auto };

fn world(generator: Option<GeneratorSpec>) -> World {
    World::new(&with_generator(chain_scenario([(12_000, 12_000); 3], 7), generator))
}

fn outage(world: &mut World, begins: bool) {
    world.happen(Happening::UtilityVolts { feed: FeedId(0), utility: Utility::A, share: 0.0 }, begins);
}

/// Utility A in thousandths, switch, generator, and drawn power in kW.
fn told(world: &World) -> (u16, SupplySource, GeneratorPhase, i64) {
    let Some(Reading::Supply { utility_a_permille, utility_b_permille: 0, source, generator, drawn }) =
        world.read(SUPPLY)
    else {
        panic!("a supply with one utility: {:?}", world.read(SUPPLY))
    };
    (utility_a_permille, source, generator, (drawn.get() + 500) / 1_000)
}

#[test]
fn a_supply_tells_what_happens_before_its_rows() {
    let mut world = world(Some(GENERATOR));
    world.run_ms(1_000);
    let (share, source, generator, drawn) = told(&world);
    assert!((995..=1_005).contains(&share), "{share}");
    assert_eq!((source, generator, drawn), (SupplySource::UtilityA, GeneratorPhase::Off, 36));
    outage(&mut world, true);
    world.run_ms(5_000);
    assert_eq!(
        told(&world),
        (0, SupplySource::UtilityA, GeneratorPhase::Off, 0),
        "it meters on; nothing better is good"
    );
    world.run_ms(6_000);
    assert_eq!(told(&world).2, GeneratorPhase::Starting);
    world.run_ms(20_000);
    let (_, source, generator, drawn) = told(&world);
    assert_eq!((source, generator, drawn), (SupplySource::Generator, GeneratorPhase::Running, 36));
}

#[test]
fn a_meter_of_a_supply_has_the_faults_of_any() {
    let mut world = world(None);
    world.run_ms(1_000);
    world.set_fault(SUPPLY, DeviceFault::Lying { share: 0.5 }, true);
    assert_eq!((told(&world).2, told(&world).3), (GeneratorPhase::Absent, 18));
    world.set_fault(SUPPLY, DeviceFault::Lying { share: 0.5 }, false);
    world.set_fault(SUPPLY, DeviceFault::Frozen, true);
    let frozen = world.read(SUPPLY);
    outage(&mut world, true);
    world.run_ms(1_000);
    assert_eq!(world.read(SUPPLY), frozen);
    world.set_fault(SUPPLY, DeviceFault::Frozen, false);
    assert_eq!(told(&world).0, 0);
    world.set_fault(SUPPLY, DeviceFault::Mute, true);
    assert!(world.voice(SUPPLY).mute && world.clock_of(SUPPLY).is_some());
}

#[test]
fn an_order_starts_the_generator_before_it_would_start_itself() {
    let mut world = world(Some(GENERATOR));
    world.run_ms(1_000);
    outage(&mut world, true);
    world.run_ms(1_000);
    assert_eq!(world.order(SUPPLY, &RUN), Verdict::Executed);
    assert!(world.is_ordered(SUPPLY) && world.is_available(SUPPLY));
    world.run_ms(8_500);
    assert_eq!(told(&world).1, SupplySource::Generator, "8 s to start, not 18");
    outage(&mut world, false);
    world.run_ms(60_000);
    assert_eq!((told(&world).1, told(&world).2), (SupplySource::UtilityA, GeneratorPhase::Running), "told to run");
    assert_eq!(world.order(SUPPLY, &AUTO), Verdict::Executed);
    world.run_ms(1_000);
    assert_eq!(told(&world).2, GeneratorPhase::Off, "it had cooled down");
    world.release(SUPPLY);
    assert!(!world.is_ordered(SUPPLY));
    assert!(world.energy_error_share().abs() < 1e-6, "{:e}", world.energy_error_share());
}

#[test]
fn an_order_that_is_lost_leaves_the_generator_to_its_own_rule() {
    let mut world = world(Some(GENERATOR));
    assert_eq!(world.order(SUPPLY, &RUN), Verdict::Executed);
    world.run_ms(9_000);
    world.release(SUPPLY);
    world.run_ms(20_000);
    assert_eq!(told(&world).2, GeneratorPhase::Running, "it cools down");
    world.run_ms(20_000);
    assert_eq!(told(&world).2, GeneratorPhase::Off);
}

#[test]
fn a_supply_refuses_what_it_cannot_do() {
    let mut without = world(None);
    for setpoint in [RUN, AUTO] {
        assert_eq!(without.order(SUPPLY, &setpoint), Verdict::Unavailable);
    }
    let mut with = world(Some(GENERATOR));
    assert_eq!(with.order(DeviceId::Supply(FeedId(1)), &RUN), Verdict::BeyondLimits);
    assert_eq!(with.order(DeviceId::Kesm(KesmId(0)), &RUN), Verdict::BeyondLimits);
    with.set_fault(SUPPLY, DeviceFault::LockedOut, true);
    assert_eq!((with.order(SUPPLY, &RUN), with.is_available(SUPPLY)), (Verdict::LockedOut, false));
    with.set_fault(SUPPLY, DeviceFault::LockedOut, false);
    assert_eq!(with.order(SUPPLY, &RUN), Verdict::Executed);
}

/// Somebody has locked a module and a tie: not even an outage moves them, and what was in force goes on afterwards.
#[test]
fn what_is_locked_carries_nothing() {
    let (kesm, tie) = (DeviceId::Kesm(KesmId(0)), DeviceId::Tie(TieId(1)));
    let mut world = world(None);
    order_kesm(&mut world, 0, 50_000, 15_000);
    order_tie(&mut world, 1, ridethrough_core::device::Direction::Forward, 28_000);
    world.run_ms(1_000);
    assert!(world.kesm(0).bus_watts() < -5_000.0, "it charges");
    for device in [kesm, tie] {
        world.set_fault(device, DeviceFault::LockedOut, true);
        assert!(!world.is_available(device));
    }
    world.run_ms(200);
    outage(&mut world, true);
    world.run_ms(1_000);
    assert!(world.kesm(0).bus_watts().abs() < 1e-9 && world.tie(1).flow_watts().abs() < 1e-9);
    assert!(matches!(world.read(kesm), Some(Reading::Kesm { available: false, .. })));
    assert!(matches!(world.read(tie), Some(Reading::Tie { available: false, .. })));
    world.set_healthy(kesm, true);
    world.run_ms(100);
    assert!(world.kesm(0).bus_watts().abs() < 1e-9, "mending does not unlock");
    world.set_fault(kesm, DeviceFault::LockedOut, false);
    outage(&mut world, false);
    world.run_ms(10_000);
    assert!(world.kesm(0).bus_watts() < -5_000.0, "its order is in force still");
    assert!(world.energy_error_share().abs() < 1e-6, "{:e}", world.energy_error_share());
}
