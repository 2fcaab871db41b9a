//! The fence rule, case by case: the table of `faults.md`, found by model checking.

use ridethrough_core::device::Fence;
use ridethrough_core::device::Verdict::{self, Duplicate, Executed, StaleFence};

use super::support::*;
use crate::device::FenceMemory;
use crate::{DeviceEndpoint, Handled, Lan, Orders, Refusal, StoreFailed, VolatileFence};

/// Every order of one script with its `term.index`, sent by whoever leads in that term, and the verdict.
fn check(orders: &[(u64, u64, Verdict)], executed: &[i64]) {
    let mut field = Field::new(DEVICE);
    let mut leaders = [
        Scripted::leading(&mut field, REPLICAS[0], 1, 0, 0),
        Scripted::leading(&mut field, REPLICAS[1], 2, 0, 0),
        Scripted::leading(&mut field, REPLICAS[2], 3, 1, 900),
    ];
    for &(term, index, expected) in orders {
        let leader = &mut leaders[usize::try_from(term).expect("small") % 3];
        let handled = field.handle(&leader.order(term, index, 800), 1);
        let replica = leader.header.replica;
        assert_eq!(handled, Handled::Answer { replica, verdict: expected }, "order {term}.{index}");
    }
    let expected: Vec<_> = executed.iter().map(|&watts| Some(supply(watts))).collect();
    assert_eq!(field.recorder.applied, expected);
}

#[test]
fn a_device_can_record_what_it_was_last_asked() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    assert_eq!(field.endpoint.judged(), None);
    for expires_at in [800, 0] {
        field.handle(&leader.order(1, 5, expires_at), 1);
        let judged = field.endpoint.judged().expect("it was answered");
        let fence = Fence { term: 1, index: 5 };
        assert_eq!((judged.fence, judged.entry_term, judged.expires_at), (fence, 1, ms(expires_at)));
        assert_eq!(judged.setpoint, supply(5));
    }
}

#[test]
fn a_volatile_memory_keeps_what_it_is_given() {
    let mut memory = VolatileFence::default();
    let fence = Fence { term: 2, index: 7 };
    assert_eq!(memory.store(fence), Ok(()));
    assert_eq!(memory.load(), fence);
}

#[test]
fn orders_go_up() {
    check(&[(1, 5, Executed), (1, 6, Executed), (1, 9, Executed)], &[5, 6, 9]);
}

#[test]
fn an_overtaken_order_is_dropped() {
    check(&[(1, 6, Executed), (1, 5, StaleFence)], &[6]);
}

#[test]
fn a_retry_is_answered_and_not_done_again() {
    check(&[(1, 5, Executed), (1, 5, Duplicate), (1, 5, Duplicate)], &[5]);
}

#[test]
fn the_next_leaders_resend_is_not_done_again() {
    check(&[(1, 5, Executed), (2, 5, Duplicate), (2, 6, Executed)], &[5, 6]);
}

#[test]
fn the_next_leaders_resend_shuts_the_old_one_out() {
    check(&[(1, 5, Executed), (2, 5, Duplicate), (1, 6, StaleFence), (1, 5, StaleFence)], &[5]);
}

#[test]
fn an_old_leader_is_refused_whatever_its_index() {
    check(&[(2, 5, Executed), (1, 6, StaleFence), (1, 5, StaleFence), (1, 4, StaleFence), (3, 6, Executed)], &[5, 6]);
}

#[test]
fn a_later_leader_does_not_bring_an_older_order_back() {
    check(&[(1, 6, Executed), (2, 5, StaleFence)], &[6]);
}

#[test]
fn a_beat_of_the_next_leader_shuts_the_old_one_out() {
    let mut field = Field::new(DEVICE);
    let mut old = Scripted::leading(&mut field, R1, 1, 1, 900);
    let mut new = Scripted::leading(&mut field, R2, 2, 2, 900);
    let refused = Handled::Answer { replica: R1, verdict: StaleFence };
    assert_eq!(field.handle(&old.order(1, 7, 800), 1), refused);
    assert_eq!(field.handle(&old.beat(1, 5_000), 1), Handled::Ignored(Refusal::StaleTerm));
    assert_eq!(field.endpoint.lease_remaining(), ms(899), "the old leader's lease was not extended");
    assert_eq!(field.handle(&new.order(2, 7, 800), 1), Handled::Answer { replica: R2, verdict: Executed });
    assert_eq!(field.endpoint.counters().stale_fence, 2);
}

#[test]
fn a_reboot_with_memory_does_nothing_twice() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 2, 900);
    field.handle(&leader.order(2, 5, 800), 1);
    field.reboot(field.memory());
    assert_eq!(field.endpoint.fence(), Fence { term: 2, index: 5 });

    let mut leader = Scripted::leading(&mut field, R1, 1, 2, 900);
    let void = Handled::Answer { replica: R1, verdict: Verdict::Expired };
    assert_eq!(field.handle(&leader.order(2, 5, 800), 1), void, "it was taken in the last life and is void");
    let stale = Handled::Answer { replica: R1, verdict: StaleFence };
    assert_eq!(field.handle(&leader.order(1, 6, 800), 1), stale);
    assert_eq!(field.handle(&leader.order(2, 4, 800), 1), stale);
    assert_eq!(field.recorder.applied, [Some(supply(5))]);
    assert_eq!(field.handle(&leader.order(2, 6, 800), 1), Handled::Answer { replica: R1, verdict: Executed });
}

#[test]
fn a_reboot_without_memory_would_do_it_twice() {
    // This is why the fence lies in memory that outlives a reboot.
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 2, 900);
    field.handle(&leader.order(2, 5, 800), 1);
    field.reboot(VolatileFence::default());
    let mut leader = Scripted::leading(&mut field, R1, 1, 2, 900);
    assert_eq!(field.handle(&leader.order(2, 5, 800), 1), Handled::Answer { replica: R1, verdict: Executed });
    assert_eq!(field.recorder.applied, [Some(supply(5)), Some(supply(5))]);
}

struct Broken;

impl FenceMemory for Broken {
    fn load(&self) -> Fence {
        Fence::default()
    }

    fn store(&mut self, _: Fence) -> Result<(), StoreFailed> {
        Err(StoreFailed)
    }
}

#[test]
fn a_fence_that_cannot_be_stored_moves_nothing() {
    let mut field = Field::new(DEVICE);
    let mut endpoint = DeviceEndpoint::new(secret().device(DEVICE, &REPLICAS), field.boot(), Orders::One, Broken);
    let mut leader = Scripted::new(R1, session(1), field.boot());
    endpoint.telemetry(R1, &reading(), ms(0), &mut field.out).expect("the replica is known");
    leader.hear(field.out.as_bytes());
    for frame in [leader.beat(0, 0), leader.beat(1, 900)] {
        endpoint.handle(&frame, Lan::A, ms(0), &mut field.recorder, &mut field.out);
    }
    let handled = endpoint.handle(&leader.order(1, 1, 800), Lan::A, ms(1), &mut field.recorder, &mut field.out);
    assert_eq!(handled, Handled::Answer { replica: R1, verdict: Verdict::Unavailable });
    assert!(field.recorder.applied.is_empty() && endpoint.fence() == Fence::default());
}

#[test]
fn a_refused_order_does_not_move_the_fence() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    field.recorder.refusal = Some(Verdict::Unavailable);
    let answer = |verdict| Handled::Answer { replica: R1, verdict };
    assert_eq!(field.handle(&leader.order(1, 9, 800), 1), answer(Verdict::Unavailable));
    field.recorder.refusal = Some(Verdict::LockedOut);
    assert_eq!(field.handle(&leader.order(1, 9, 800), 1), answer(Verdict::LockedOut));
    field.recorder.refusal = Some(Executed);
    assert_eq!(field.handle(&leader.order(1, 9, 800), 1), answer(Verdict::BeyondLimits), "a check cannot approve");
    field.recorder.refusal = None;
    assert_eq!(field.handle(&leader.order_with(1, 9, 800, flow(1)), 1), answer(Verdict::BeyondLimits));
    assert_eq!(field.handle(&leader.order(1, 9, 1), 1), answer(Verdict::Expired));
    assert_eq!(field.handle(&leader.order(1, 9, 600_002), 1), answer(Verdict::BeyondLimits));
    assert_eq!(field.endpoint.fence(), Fence::default());
    assert_eq!(field.handle(&leader.order(1, 8, 600_001), 1), answer(Executed));
    let counters = field.endpoint.counters();
    assert_eq!((counters.unavailable, counters.beyond_limits, counters.expired), (2, 3, 1));
}
