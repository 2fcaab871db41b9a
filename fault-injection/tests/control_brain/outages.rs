//! The utility fails: modes, the generator, shutdown by tiers, and the way back.

use ridethrough_core::command::CapReason;
use ridethrough_core::device::DeviceId;
use ridethrough_core::mode::Mode::{Generator, Normal, OrderlyShutdown, Recovery, RideThrough};
use ridethrough_core::site::{FeedId, RowId, ServerId};
use ridethrough_core::units::Watts;
use ridethrough_fault_injection::plant::fault::{DeviceFault, Event, Happening, Utility};
use ridethrough_fault_injection::plant::server::Running;
use ridethrough_fault_injection::scenario::Scenario;

use super::run::{Run, fault, scene};
use crate::support::{GENERATOR, with_generator};

const FEED: FeedId = FeedId(0);
const CALM: &[(u64, f64)] = &[(0, 12_000.0)];

/// The utility is away from `at_ms` on for so long.
fn outage(at_ms: u64, lasting_ms: u64) -> Event {
    let what = Happening::UtilityVolts { feed: FEED, utility: Utility::A, share: 0.0 };
    Event { at_ms, until_ms: Some(at_ms + lasting_ms), what }
}

fn generator_refuses() -> Event {
    Event { at_ms: 0, until_ms: None, what: Happening::GeneratorRefuses { feed: FEED } }
}

/// The chain with a generator.
fn backed(loads: [&[(u64, f64)]; 3], mut events: Vec<Event>) -> Scenario {
    events.sort_by_key(|event| event.at_ms);
    let mut scenario = with_generator(scene(loads, events), Some(GENERATOR));
    scenario.site.feeds[0].generator = Some(Watts::new(90_000));
    scenario
}

#[test]
fn an_outage_goes_through_its_modes_and_ends_as_it_began() {
    let mut run = Run::new(&backed([CALM; 3], vec![outage(5_000, 60_000)]));
    let back = run.first(400_000, |run| run.modes().last() == Some(&Normal));
    assert_eq!(run.modes(), [RideThrough, Generator, Recovery, Normal]);
    assert!(back.is_some());
    let lost = run.plans().find(|(_, plan)| !plan.modes.is_empty()).map(|(at_ms, _)| at_ms);
    assert!(lost.is_some_and(|at_ms| at_ms <= 5_400), "{lost:?}");
    // Its own rule would have waited for 10 s.
    let started = run.plans().find(|(_, plan)| !plan.generators.is_empty()).map(|(at_ms, _)| at_ms);
    assert!(started.is_some_and(|at_ms| (6_000..=6_600).contains(&at_ms)), "{started:?}");
    assert!(run.caps().is_empty(), "there was enough for everybody");
    assert_eq!(run.failures(), 0);
    run.is_sound();
}

#[test]
fn without_a_generator_servers_shut_down_by_tiers_before_the_stores_are_empty() {
    let mut run = Run::new(&backed([CALM; 3], vec![generator_refuses(), outage(5_000, 300_000)]));
    let servers: Vec<ServerId> = (0..9).map(ServerId).collect();
    let tiers: Vec<u8> = run.world.site().servers.iter().map(|server| server.tier).collect();
    let mut off_ms = vec![None; servers.len()];
    let mut left_joules = 0.0;
    while run.world.now_ms() < 305_000 {
        run.until(run.world.now_ms() + 100);
        for (at, server) in off_ms.iter_mut().zip(&servers) {
            let off = run.world.server(*server).running() == Running::Off;
            assert!(at.is_none() || off, "{server:?} is on again at {} ms", run.world.now_ms());
            if off {
                at.get_or_insert(run.world.now_ms());
            }
        }
        if off_ms.contains(&None) {
            left_joules = (0..2).map(|nth| run.world.kesm(nth).usable_joules()).sum();
        }
    }
    assert_eq!(run.modes(), [RideThrough, OrderlyShutdown]);
    assert!(run.caps().iter().all(|(_, cap)| cap.reason == CapReason::TimeLeft));
    let last_of = |tier: u8| {
        off_ms.iter().zip(&tiers).filter(|(_, of)| **of == tier).map(|(at, _)| at.expect("it was shut down")).max()
    };
    let order = [last_of(4), last_of(2), last_of(1)];
    assert!(order.is_sorted_by(|first, then| first < then), "least important first: {order:?}");
    assert!(left_joules > 20_000.0, "the last was off with {left_joules:.0} J left");
    assert_eq!(run.failures(), 0, "nobody was cut off");
    let restarted = run.first(500_000, |run| servers.iter().all(|server| run.world.server(*server).is_working()));
    assert!(restarted.is_some(), "they are on again once the utility is back");
    run.is_sound();
}

#[test]
fn a_blip_changes_no_mode() {
    let mut run = Run::new(&backed([CALM; 3], vec![outage(5_000, 100)]));
    run.until(30_000);
    assert_eq!(run.modes(), [Normal; 0]);
    assert!(run.caps().is_empty());
    assert_eq!(run.failures(), 0);
    run.is_sound();
}

#[test]
fn silence_of_all_meters_sheds_nobody() {
    let site = scene([CALM; 3], Vec::new()).site;
    let mute = site.devices().map(|device| fault(device, DeviceFault::Mute, 5_000, None)).collect();
    let mut run = Run::new(&backed([CALM; 3], mute));
    run.until(60_000);
    assert_eq!(run.modes(), [Normal; 0]);
    assert!(run.caps().is_empty(), "{:?}", run.caps());
    assert!(run.world.servers_held_back() == 0);
    run.is_sound();
}

#[test]
fn a_silent_supply_in_an_outage_is_made_up_for_by_racks() {
    let mute = fault(DeviceId::Supply(FEED), DeviceFault::Mute, 1_000, None);
    let mut run = Run::new(&scene([CALM; 3], vec![mute, outage(5_000, 20_000)]));
    run.until(10_000);
    assert_eq!(run.modes(), [RideThrough], "three racks take power and draw nothing");
    run.is_sound();
}

/// What was drawn before: 63 kW, above the share of the feeder that may always be used.
#[test]
fn recharging_never_draws_more_than_the_peak_before() {
    const BUSY: &[(u64, f64)] = &[(0, 21_000.0), (3_000, 16_000.0)];
    let mut run = Run::new(&backed([BUSY; 3], vec![outage(5_000, 30_000)]));
    let (mut before, mut after): (f64, f64) = (0.0, 0.0);
    let mut charged = false;
    while run.world.now_ms() < 240_000 {
        run.until(run.world.now_ms() + 100);
        let drawn = run.world.feed_watts(RowId(0));
        if run.world.now_ms() < 5_000 {
            before = before.max(drawn);
        } else {
            after = after.max(drawn);
        }
        charged |= run.world.now_ms() > 40_000 && (0..2).any(|nth| run.world.kesm(nth).bus_watts() < -1_000.0);
    }
    assert!(charged, "they did recharge");
    assert!(after <= before * 1.005, "{after:.0} W after, {before:.0} W before");
    assert_eq!(run.failures(), 0);
    run.is_sound();
}
