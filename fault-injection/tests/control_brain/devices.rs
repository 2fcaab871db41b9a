//! Modules and ties that do not do what they should.

use ridethrough_core::command::ReleaseReason;
use ridethrough_core::device::DeviceId;
use ridethrough_core::site::TieId;
use ridethrough_core::trust::Fault;
use ridethrough_fault_injection::plant::fault::DeviceFault;

use super::run::{K1, K2, Run, fault, scene};
use crate::support::{FIRST, LIMIT_WATTS, MIDDLE};

const CALM: &[(u64, f64)] = &[(0, 12_000.0)];
/// Over the limit of 24 kW from 3 s on.
const SURGE: &[(u64, f64)] = &[(0, 12_000.0), (3_000, 31_000.0)];

#[test]
fn a_stuck_module_is_caught_within_a_second_of_being_needed_and_another_takes_over() {
    let stuck = fault(DeviceId::Kesm(K1), DeviceFault::Stuck, 0, None);
    let mut run = Run::new(&scene([SURGE, CALM, CALM], vec![stuck]));
    run.until(3_000);
    assert_eq!(run.quarantined(DeviceId::Kesm(K1)), None, "nobody needed it yet");
    let caught = run.first(5_000, |run| run.quarantined(DeviceId::Kesm(K1)) == Some(Fault::NotFollowing));
    assert!(caught.is_some_and(|at_ms| at_ms <= 4_100), "{caught:?}");
    run.until(5_500);
    assert_eq!(run.sources(FIRST), [K2]);
    assert!(run.world.draw_watts(FIRST) < LIMIT_WATTS, "{}", run.world.draw_watts(FIRST));
    run.until(30_000);
    assert!(run.world.draw_watts(FIRST) < LIMIT_WATTS);
    run.is_sound();
}

#[test]
fn a_module_that_breaks_in_mid_transfer_is_replanned_around_within_the_reaction_time() {
    let broken = fault(DeviceId::Kesm(K1), DeviceFault::Broken, 8_000, None);
    let mut run = Run::new(&scene([CALM, SURGE, CALM], vec![broken]));
    run.until(7_900);
    assert_eq!(run.sources(MIDDLE), [K1], "the nearer one");
    run.until(8_000);
    let replanned = run.first(12_000, |run| run.sources(MIDDLE) == [K2]);
    assert!(replanned.is_some_and(|at_ms| at_ms <= 9_000), "{replanned:?}");
    run.until(30_000);
    assert_eq!(run.sources(MIDDLE), [K2]);
    assert!(run.world.draw_watts(MIDDLE) < LIMIT_WATTS);
    run.is_sound();
}

#[test]
fn a_tie_that_breaks_in_mid_transfer_is_replanned_around_within_the_reaction_time() {
    let broken = fault(DeviceId::Tie(TieId(0)), DeviceFault::Broken, 8_000, None);
    let mut run = Run::new(&scene([CALM, SURGE, CALM], vec![broken]));
    run.until(8_000);
    assert_eq!(run.sources(MIDDLE), [K1]);
    let replanned = run.first(12_000, |run| run.sources(MIDDLE) == [K2]);
    assert!(replanned.is_some_and(|at_ms| at_ms <= 9_000), "{replanned:?}");
    run.until(40_000);
    assert_eq!(run.sources(MIDDLE), [K2], "and it is not tried again while it is broken");
    run.is_sound();
}

#[test]
fn a_locked_module_is_left_alone_until_somebody_unlocks_it() {
    let locked = fault(DeviceId::Kesm(K1), DeviceFault::LockedOut, 0, Some(25_000));
    let mut run = Run::new(&scene([SURGE, CALM, CALM], vec![locked]));
    let used = run.first(25_000, |run| run.sources(FIRST).contains(&K1));
    assert_eq!(used, None);
    assert_eq!(run.sources(FIRST), [K2]);
    let back = run.first(50_000, |run| run.sources(FIRST) == [K1]);
    assert!(back.is_some(), "it sits on the rack that is in need");
    run.is_sound();
}

#[test]
fn a_transfer_whose_only_source_says_nothing_is_given_up_for_want_of_an_answer() {
    let mute = fault(DeviceId::Kesm(K1), DeviceFault::Mute, 3_030, None);
    let broken = fault(DeviceId::Kesm(K2), DeviceFault::Broken, 0, None);
    let mut run = Run::new(&scene([CALM, SURGE, CALM], vec![mute, broken]));
    run.until(8_000);
    let ends = run.releases();
    assert!(ends.iter().any(|(_, rack, why)| *rack == MIDDLE && *why == ReleaseReason::AckMissing), "{ends:?}");
    let at_ms = ends[0].0;
    assert!((4_000..=4_600).contains(&at_ms), "a second after its order: {at_ms}");
    run.until(30_000);
    assert!(run.world.draw_watts(MIDDLE) <= LIMIT_WATTS, "capped: {}", run.world.draw_watts(MIDDLE));
    run.is_sound();
}

#[test]
fn a_transfer_whose_source_says_nothing_goes_on_from_another() {
    let mute = fault(DeviceId::Kesm(K1), DeviceFault::Mute, 3_030, None);
    let mut run = Run::new(&scene([CALM, SURGE, CALM], vec![mute]));
    let replanned = run.first(6_000, |run| run.sources(MIDDLE) == [K2]);
    assert!(replanned.is_some_and(|at_ms| at_ms <= 4_600), "{replanned:?}");
    run.until(20_000);
    assert!(run.world.draw_watts(MIDDLE) <= LIMIT_WATTS);
    run.is_sound();
}
