//! The replica's half: what it sends when, and what it takes.

use std::sync::Arc;

use ridethrough_core::device::{Fence, Order, Verdict};
use ridethrough_core::ledger::{Committed, Ledger, Parts};
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;

use super::support::*;
use crate::controller::{LeadRefused, SubmitRefused};
use crate::{ControllerEndpoint, Event, Handled, Header, Kind, Lan, Leadership, Outgoing};

const LEAVE: Leadership = Leadership { term: 4, lease: Millis::new(500), valid_for: Millis::seconds(60) };

fn leading(field: &mut Field) -> ControllerEndpoint {
    let mut controller = controller(R1, 1);
    introduce(&mut controller, R1, field, 0);
    controller.lead(LEAVE, ms(0)).expect("it may lead");
    for frame in due(&mut controller, 0) {
        field.handle(&frame, 0);
    }
    controller
}

fn kinds(frames: &[Vec<u8>]) -> Vec<Kind> {
    frames.iter().map(|frame| Header::parse(frame).expect("a frame").kind).collect()
}

/// The order as a ledger hands it out that has it from a snapshot.
fn committed(order: Order) -> Committed<Order> {
    let text = "name = 'one'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
                stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n\
                [[feed]]\nid = 'u'\nlimit_watts = 9000\n\
                [[row]]\nid = 'A'\nfeed = 'u'\nlimit_watts = 9000\nbus_volts = 800\n\
                [[rack]]\nid = 'R'\nrow = 'A'\nlimit_watts = 9000\n\
                [[server]]\nid = 'S'\nrack = 'R'\nrated_watts = 5000\n";
    let site = Site::parse("one.toml", text).expect("a site");
    let ledger = Ledger::from_parts(Arc::new(site), Parts { orders: vec![order], ..Parts::default() });
    *ledger.order(order.device).expect("in the snapshot")
}

/// The times at which orders go out, up to `end`, when nobody answers.
fn order_times(controller: &mut ControllerEndpoint, end: i64) -> Vec<i64> {
    let mut times = Vec::new();
    for now in 0..end {
        controller.poll(ms(now), &mut |outgoing: Outgoing<'_>| {
            if outgoing.kind == Kind::Order {
                times.push(now);
            }
        });
    }
    times
}

#[test]
fn an_order_is_repeated_until_it_is_void() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    assert_eq!(order_times(&mut controller, 3_000), [0, 5, 15, 35, 75, 155, 315, 515, 715, 915]);
    assert_eq!(controller.unanswered(), 1);
}

#[test]
fn an_order_does_not_wait_until_all_have_heard_their_leader() {
    let mut controller = controller(R1, 1);
    let (mut first, mut last) = (Field::new(OTHER_DEVICE), Field::new(DEVICE));
    let greeting = first.telemetry(R1, 0);
    assert_eq!(controller.observe(&greeting, Lan::A, ms(0)), Some(Event::Greeting { device: OTHER_DEVICE }));
    let offers = due(&mut controller, 0);
    assert!(offers.iter().any(|offer| first.handle(offer, 0) == Handled::Opened(R1)));
    // A reading that is none of its kind; it is heard all the same.
    controller.observe(&first.telemetry(R1, 0), Lan::A, ms(0));
    introduce(&mut controller, R1, &mut last, 0);
    controller.lead(LEAVE, ms(1)).expect("it may lead");
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(1)).expect("it may be sent");
    let mut one_at_a_time = || {
        let mut said = Vec::new();
        let next = controller.poll_some(ms(1), 1, &mut |outgoing| said.push((outgoing.device, outgoing.kind)));
        (said, next)
    };
    assert_eq!(one_at_a_time(), (vec![(DEVICE, Kind::Beat), (DEVICE, Kind::Order)], Some(ms(1))));
    let (said, next) = one_at_a_time();
    assert_eq!(said, [(OTHER_DEVICE, Kind::Beat)]);
    assert!(next > Some(ms(1)), "all have heard");
}

#[test]
fn an_answer_ends_an_order_and_is_told_once() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    let first = due(&mut controller, 0);
    let again = due(&mut controller, 5);
    field.handle(&first[0], 3);
    let lost = field.out.as_bytes().to_vec();
    field.handle(&again[0], 8);
    let ack = field.out.as_bytes().to_vec();
    let Some(Event::Ack { ack, in_force, transmissions }) = controller.observe(&ack, Lan::A, ms(10)) else {
        panic!("no ack")
    };
    assert_eq!((ack.verdict, ack.fence), (Verdict::Duplicate, Fence { term: 4, index: 5 }));
    assert_eq!((in_force, transmissions), (Some(supply(5)), 2));
    assert_eq!(controller.observe(&lost, Lan::A, ms(11)), None, "the same news, late");
    assert!(order_times(&mut controller, 3_000).is_empty());
    assert_eq!((field.recorder.applied.len(), controller.unanswered()), (1, 0));
}

#[test]
fn a_final_refusal_ends_an_order() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    field.recorder.refusal = Some(Verdict::BeyondLimits);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    let frames = due(&mut controller, 0);
    field.handle(&frames[0], 0);
    let event = controller.observe(field.out.as_bytes(), Lan::A, ms(1));
    assert!(matches!(event, Some(Event::Ack { ack, in_force: None, .. }) if ack.verdict == Verdict::BeyondLimits));
    assert!(order_times(&mut controller, 2_000).is_empty());
}

#[test]
fn a_newer_order_takes_the_place_of_an_older_one() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    let older = due(&mut controller, 0);
    controller.take_in(&order(6, 4), 4, ms(1_000), ms(1)).expect("it may be sent");
    let overtaken = controller.take_in(&order(5, 4), 4, ms(1_000), ms(1));
    assert_eq!(overtaken, Err(SubmitRefused::Overtaken { by: 6 }));
    assert_eq!(controller.take_in(&order(6, 4), 4, ms(1_000), ms(1)), Ok(()), "the same again");
    let newer = due(&mut controller, 1);
    assert_eq!(newer.len(), 1);
    field.handle(&older[0], 2);
    let late = controller.observe(field.out.as_bytes(), Lan::A, ms(2));
    assert!(matches!(late, Some(Event::Ack { ack, transmissions: 0, .. }) if ack.fence.index == 5), "{late:?}");
    field.handle(&newer[0], 3);
    let event = controller.observe(field.out.as_bytes(), Lan::A, ms(3));
    assert!(matches!(event, Some(Event::Ack { ack, transmissions: 1, .. }) if ack.fence.index == 6));
    assert_eq!(field.recorder.applied, [Some(supply(5)), Some(supply(6))]);
}

#[test]
fn what_may_not_be_sent_is_refused() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    let mut check = |order: Order, term: u64, valid_for: i64, expected| {
        assert_eq!(controller.take_in(&order, term, ms(valid_for), ms(1)), Err(expected));
    };
    let stranger = ridethrough_core::device::DeviceId::Kesm(ridethrough_core::site::KesmId(77));
    check(Order { device: stranger, ..order(5, 4) }, 4, 100, SubmitRefused::UnknownDevice(stranger));
    check(order(5, 4), 5, 100, SubmitRefused::NotLeading);
    check(order(5, 4), 3, 100, SubmitRefused::NotLeading);
    check(order(5, 5), 4, 100, SubmitRefused::Fence);
    check(order(0, 4), 4, 100, SubmitRefused::Fence);
    check(Order { setpoint: flow(1), ..order(5, 4) }, 4, 100, SubmitRefused::WrongKind);
    check(order(5, 4), 4, 0, SubmitRefused::ValidityOutOfRange);
    check(order(5, 4), 4, 600_001, SubmitRefused::ValidityOutOfRange);
    controller.step_down();
    let refused = controller.take_in(&order(5, 4), 4, ms(100), ms(2));
    assert_eq!(refused, Err(SubmitRefused::NotLeading));
}

#[test]
fn leadership_goes_only_forwards() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    let stale = Err(LeadRefused::StaleTerm { highest: 4 });
    assert_eq!(controller.lead(Leadership { term: 3, ..LEAVE }, ms(1)), stale);
    for lease in [0, 60_001] {
        let refused = controller.lead(Leadership { lease: ms(lease), ..LEAVE }, ms(1));
        assert_eq!(refused, Err(LeadRefused::LeaseOutOfRange));
    }
    assert_eq!(controller.lead(Leadership { lease: crate::limits::LEASE_MAX, ..LEAVE }, ms(1)), Ok(()));
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(1)).expect("it may be sent");
    assert_eq!(controller.lead(Leadership { term: 5, ..LEAVE }, ms(1)), Ok(()));
    assert_eq!(kinds(&due(&mut controller, 1)), [Kind::Beat], "the old term's order is dropped");
}

#[test]
fn beats_come_five_times_a_lease_and_stop_with_the_leave() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    introduce(&mut controller, R1, &mut field, 0);
    let mut beats = Vec::new();
    controller.lead(Leadership { valid_for: ms(450), ..LEAVE }, ms(0)).expect("it may lead");
    for now in 0..2_000 {
        for frame in due(&mut controller, now) {
            field.handle(&frame, now);
            beats.push(now);
        }
    }
    assert_eq!(beats, [0, 100, 200, 300, 400], "a replica that is not told again that it leads falls silent");
    assert_eq!(controller.poll(ms(2_000), &mut |_| {}), None, "nor does it wake for nothing");
}

#[test]
fn an_order_waits_for_leave_that_has_lapsed() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    let lapsed = LEAVE.valid_for.get() + 1;
    let telemetry = field.telemetry(R1, lapsed);
    controller.observe(&telemetry, Lan::A, ms(lapsed));
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(lapsed)).expect("it may wait");
    assert!(due(&mut controller, lapsed).is_empty());
    controller.lead(LEAVE, ms(lapsed + 10)).expect("it may go on");
    for frame in due(&mut controller, lapsed + 10) {
        field.handle(&frame, lapsed + 10);
    }
    assert_eq!(field.recorder.applied, [Some(supply(5))]);
}

#[test]
fn an_unanswered_order_outlasts_a_pause_of_the_same_term() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    assert_eq!(due(&mut controller, 0).len(), 1, "lost on its way");
    controller.lead(Leadership { valid_for: ms(0), ..LEAVE }, ms(1)).expect("a pause");
    assert!((1..60).all(|now| due(&mut controller, now).is_empty()), "silent at once");
    controller.lead(LEAVE, ms(60)).expect("it may go on");
    for frame in due(&mut controller, 60) {
        field.handle(&frame, 60);
    }
    assert_eq!(field.recorder.applied, [Some(supply(5))]);
}

#[test]
fn an_order_waits_until_its_device_is_heard() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    controller.lead(LEAVE, ms(0)).expect("it may lead");
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may wait");
    assert!(due(&mut controller, 10).is_empty());
    assert_eq!(controller.poll(ms(10), &mut |_| {}), Some(ms(1_000)), "there is nothing to do before it is void");
    introduce(&mut controller, R1, &mut field, 20);
    for frame in due(&mut controller, 20) {
        field.handle(&frame, 20);
    }
    assert_eq!(field.recorder.applied, [Some(supply(5))], "a beat for the lease, then the order");
}

#[test]
fn an_order_follows_its_device_through_a_reboot() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    due(&mut controller, 0);
    field.reboot(field.memory());
    // The clock of the new life begins again; what was told on the old one must not count.
    introduce(&mut controller, R1, &mut field, 30);
    for frame in due(&mut controller, 30) {
        field.handle(&frame, 30);
    }
    assert_eq!(field.recorder.applied, [Some(supply(5))]);
}

#[test]
fn a_device_that_fell_silent_is_told_nothing_with_a_time_in_it() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    let heard_until = crate::limits::HEARD_AGE_MAX.get();
    assert!(!due(&mut controller, heard_until).is_empty());
    assert!(due(&mut controller, heard_until + 1).is_empty());
    let telemetry = field.telemetry(R1, heard_until + 2);
    controller.observe(&telemetry, Lan::A, ms(heard_until + 2));
    assert!(!due(&mut controller, heard_until + 100).is_empty());
}

#[test]
fn the_same_order_again_changes_nothing() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    due(&mut controller, 0);
    assert_eq!(controller.take_in(&order(5, 4), 4, ms(1_000), ms(3)), Ok(()));
    assert!(due(&mut controller, 3).is_empty(), "it is not sent sooner");
    assert_eq!(due(&mut controller, 5).len(), 1);
    assert_eq!(controller.poll(ms(5), &mut |_| {}), Some(ms(15)), "nor is its schedule begun anew");
}

#[test]
fn what_is_committed_is_sent_or_endorsed() {
    let committed = committed(order(5, 4));
    let mut field = Field::new(DEVICE);
    let mut leader = leading(&mut field);
    leader.submit(&committed, 4, ms(1_000), ms(0)).expect("it leads");
    assert_eq!(kinds(&due(&mut leader, 0)), [Kind::Order]);
    leader.follow(5, ms(1));
    leader.endorse(&committed, ms(1_000), ms(1)).expect("it follows");
    assert_eq!(kinds(&due(&mut leader, 1)), [Kind::Beat, Kind::Endorsement]);
}

#[test]
fn an_order_may_last_to_the_limit() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    assert_eq!(controller.take_in(&order(5, 4), 4, crate::limits::EXPIRY_AHEAD_MAX, ms(1)), Ok(()));
}

#[test]
fn leave_that_is_given_again_in_time_goes_on_and_leave_that_has_lapsed_begins_anew() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    introduce(&mut controller, R1, &mut field, 0);
    let beats: Vec<i64> = (0..=300)
        .filter(|now| {
            controller.lead(Leadership { valid_for: ms(50), ..LEAVE }, ms(*now)).expect("it may lead");
            !due(&mut controller, *now).is_empty()
        })
        .collect();
    assert_eq!(beats, [0, 100, 200, 300], "to be told again and again makes it say no more");
    controller.lead(Leadership { valid_for: ms(50), ..LEAVE }, ms(350)).expect("leave lapses in this moment");
    assert_eq!(due(&mut controller, 350).len(), 1);
}

#[test]
fn a_replica_that_knows_no_term_or_whose_devices_obey_one_says_nothing_while_it_follows() {
    let mut field = Field::new(DEVICE);
    let mut alone = ControllerEndpoint::new(&secret().replica(R1), session(1), &[DEVICE], crate::Orders::One);
    introduce(&mut alone, R1, &mut field, 0);
    alone.follow(4, ms(1));
    assert!(due(&mut alone, 1).is_empty());
    assert_eq!(alone.take_in_endorsement(&order(5, 4), ms(100), ms(1)), Err(SubmitRefused::NotFollowing));
    let mut field = Field::new(DEVICE);
    let mut young = controller(R1, 1);
    introduce(&mut young, R1, &mut field, 0);
    young.follow(0, ms(1));
    assert!(due(&mut young, 1).is_empty());
    young.follow(1, ms(2));
    assert_eq!(kinds(&due(&mut young, 2)), [Kind::Beat]);
}

#[test]
fn what_a_device_has_refused_is_endorsed_to_it_all_the_same() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    field.recorder.refusal = Some(Verdict::Unavailable);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    let frames = due(&mut controller, 0);
    field.handle(&frames[0], 1);
    controller.observe(field.out.as_bytes(), Lan::A, ms(1));
    controller.follow(5, ms(2));
    assert_eq!(controller.take_in_endorsement(&order(5, 4), ms(100), ms(2)), Ok(()));
    assert_eq!(kinds(&due(&mut controller, 2)), [Kind::Beat, Kind::Endorsement]);
}

#[test]
fn what_a_device_was_seen_to_take_is_not_endorsed_to_it() {
    let mut field = Field::new(DEVICE);
    let mut controller = leading(&mut field);
    controller.take_in(&order(5, 4), 4, ms(1_000), ms(0)).expect("it may be sent");
    let frames = due(&mut controller, 0);
    field.handle(&frames[0], 1);
    controller.observe(field.out.as_bytes(), Lan::A, ms(1));
    controller.follow(5, ms(2));
    assert_eq!(controller.take_in_endorsement(&order(5, 4), ms(100), ms(2)), Ok(()));
    assert_eq!(kinds(&due(&mut controller, 2)), [Kind::Beat], "its ack has shown it");
}

#[test]
fn greetings_are_answered_at_a_bounded_rate() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    let mut answers = 0;
    for now in 0..1_000 {
        controller.observe(&field.telemetry(R1, now), Lan::A, ms(now));
        answers += due(&mut controller, now).len();
    }
    assert_eq!(answers, 100);
}
