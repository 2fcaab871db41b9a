//! What ends by itself: expiries and leases, on the device's own clock.

use ridethrough_core::device::Verdict;

use super::support::*;
use crate::{Handled, Refusal};

const EXECUTED: Handled = Handled::Answer { replica: R1, verdict: Verdict::Executed };

#[test]
fn an_order_lapses_at_its_expiry() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    assert_eq!(field.poll(0), None);
    assert_eq!(field.handle(&leader.order(1, 5, 300), 10), EXECUTED);
    assert_eq!(field.poll(10), Some(300));
    assert_eq!(field.poll(299), Some(300));
    assert_eq!(field.endpoint.in_force(), Some(supply(5)));
    assert_eq!(field.poll(300), None);
    assert_eq!(field.poll(301), None);
    assert_eq!(field.recorder.applied, [Some(supply(5)), None], "the safe rule is put in force once");
    assert_eq!(field.endpoint.in_force(), None);
}

#[test]
fn an_order_lapses_with_the_lease() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 200);
    field.handle(&leader.order(1, 5, 5_000), 10);
    assert_eq!(field.poll(10), Some(200));
    field.handle(&leader.beat(1, 400), 150);
    assert_eq!(field.poll(200), Some(400));
    field.handle(&leader.beat(1, 300), 210);
    assert_eq!(field.poll(210), Some(400), "a late estimate of the device's clock does not shorten the lease");
    assert_eq!(field.poll(400), None);
    assert_eq!(field.recorder.applied, [Some(supply(5)), None]);
}

#[test]
fn a_beat_that_comes_too_late_revives_nothing() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 200);
    field.handle(&leader.order(1, 5, 5_000), 10);
    // Nobody polled at 200: the beat itself lets lapse what was due before it.
    assert_eq!(field.handle(&leader.beat(1, 900), 201), Handled::Nothing);
    assert_eq!(field.recorder.applied, [Some(supply(5)), None]);
    let void = Handled::Answer { replica: R1, verdict: Verdict::Expired };
    assert_eq!(field.handle(&leader.order(1, 5, 5_000), 202), void, "only a new entry moves the device again");
    assert_eq!(field.handle(&leader.order(1, 6, 5_000), 203), EXECUTED);
    assert_eq!(field.recorder.applied, [Some(supply(5)), None, Some(supply(6))]);
}

#[test]
fn without_a_lease_an_order_waits_for_the_next_beat() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 0, 0);
    assert_eq!(field.handle(&leader.order(1, 5, 800), 1), Handled::Ignored(Refusal::NoLease));
    assert_eq!(field.endpoint.counters().no_lease, 1);
    assert_eq!(field.handle(&leader.beat(1, 500), 2), EXECUTED, "it had been kept");
    assert_eq!(field.recorder.applied, [Some(supply(5))]);
}

#[test]
fn no_lease_is_longer_than_the_longest() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    field.handle(&leader.beat(1, i64::MAX), 1_000);
    assert_eq!(field.endpoint.lease_remaining(), crate::limits::LEASE_MAX);
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    field.handle(&leader.order(1, 5, 300), 250);
    assert_eq!(field.poll(-3_600_000), Some(300));
    assert_eq!(field.poll(300), None);
    assert_eq!(field.handle(&leader.order(1, 6, 290), 100), Handled::Answer { replica: R1, verdict: Verdict::Expired });
}

#[test]
fn a_beat_held_back_by_an_attacker_extends_nothing() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 200);
    field.handle(&leader.order(1, 5, 60_000), 10);
    let held_back = leader.beat(1, 350);
    assert_eq!(field.poll(200), None);
    field.handle(&held_back, 30_000);
    assert_eq!(field.endpoint.lease_remaining(), ms(0), "it says until when it was meant");
}
