//! Whose frames, of which life: replay, reflection, misdirection.

use ridethrough_core::device::Verdict;
use ridethrough_core::units::Millis;

use super::support::*;
use crate::{Event, Handled, Lan, Leadership, Refusal, SessionNonce};

const REPLAY: Handled = Handled::Ignored(Refusal::Replay);
const MISADDRESSED: Handled = Handled::Ignored(Refusal::Misaddressed);

#[test]
fn nothing_is_heard_twice() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    let (beat, order) = (leader.beat(1, 901), leader.order(1, 5, 800));
    assert_eq!(field.handle(&order, 1), Handled::Answer { replica: R1, verdict: Verdict::Executed });
    assert_eq!(field.handle(&order, 1), REPLAY);
    assert_eq!(field.handle(&beat, 1), REPLAY, "it was overtaken");
    assert_eq!(field.endpoint.counters().replay, 2);
}

#[test]
fn nothing_said_before_a_reboot_is_heard_after_it() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    let recorded = [leader.beat(1, 900), leader.order(1, 5, 800)];
    field.reboot(field.memory());
    assert!(recorded.iter().all(|frame| field.handle(frame, 0) == REPLAY));
    let mut same_session = Scripted::leading(&mut field, R1, 1, 1, 900);
    assert!(recorded.iter().all(|frame| field.handle(frame, 1) == REPLAY));
    field.handle(&same_session.order(1, 6, 800), 2);
    assert_eq!(field.recorder.applied, [Some(supply(6))]);
}

#[test]
fn nothing_of_an_earlier_session_is_heard_in_a_later_one() {
    let mut field = Field::new(DEVICE);
    let mut recorded = Vec::new();
    // Far more restarts than any list of retired nonces would hold; the same nonce may even come back.
    for number in 0..300_u64 {
        let now = number.cast_signed();
        let mut replica = Scripted::new(R1, session(number % 7), field.boot());
        replica.hear(&field.telemetry(R1, now));
        recorded.push(replica.beat(0, 0));
        assert_eq!(field.handle(&recorded[recorded.len() - 1], now), Handled::Opened(R1), "{number}");
        recorded.push(replica.beat(1, 100_000));
        recorded.push(replica.order(1, number + 1, 100_000));
        // Every other time these are recorded but never arrive.
        if number % 2 == 0 {
            assert_eq!(field.handle(&recorded[recorded.len() - 2], now), Handled::Nothing);
        }
    }
    let told = field.recorder.applied.len();
    let mut last = Scripted::new(R1, session(1_000), field.boot());
    last.hear(&field.telemetry(R1, 1_000));
    field.handle(&last.beat(0, 0), 1_000);
    for (frame, at) in recorded.iter().zip(1_000..) {
        assert_eq!(field.handle(frame, at), REPLAY, "at {at}");
    }
    assert_eq!(field.recorder.applied.len(), told);
}

#[test]
fn an_order_opens_no_session() {
    let mut field = Field::new(DEVICE);
    let mut replica = Scripted::new(R1, session(1), field.boot());
    assert_eq!(field.handle(&replica.beat(0, 0), 0), REPLAY, "it has heard nothing of this life");
    replica.hear(&field.telemetry(R1, 0));
    assert_eq!(field.handle(&replica.order(1, 1, 800), 0), REPLAY);
    assert_eq!(field.handle(&replica.beat(0, 0), 0), Handled::Opened(R1));
}

#[test]
fn a_frame_is_for_one_device_of_one_replica_one_way() {
    let mut field = Field::new(DEVICE);
    let mut other = Field::new(OTHER_DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    let order = leader.order(1, 5, 800);
    assert_eq!(other.handle(&order, 1), MISADDRESSED);
    let mut redirected = order.clone();
    redirected[8..12].copy_from_slice(&OTHER_DEVICE.to_wire().to_le_bytes());
    other.telemetry(R1, 1);
    assert_eq!(other.handle(&redirected, 1), REPLAY, "the other device's session is another");

    let mut of_another = leader.beat(1, 900);
    of_another[6] = 2;
    let mut second = Scripted::leading(&mut field, R2, 1, 0, 0);
    assert_eq!(field.handle(&of_another, 1), Handled::Ignored(Refusal::BadMac), "replica 1's key, replica 2's name");
    second.header.replica = REPLICAS[2];
    second.hear(&field.telemetry(REPLICAS[2], 1));
    assert_eq!(field.handle(&second.beat(5, 900), 1), Handled::Ignored(Refusal::BadMac));

    let telemetry = field.telemetry(R1, 1);
    assert_eq!(field.handle(&telemetry, 1), MISADDRESSED, "reflected to the device");
    let mut controller = controller(R1, 1);
    let refused = Some(Event::Rejected(Refusal::Misaddressed));
    assert_eq!(controller.observe(&order, Lan::A, ms(1)), refused, "reflected to the replica");
    assert_eq!(controller.observe(&field.telemetry(R2, 1), Lan::A, ms(1)), refused, "for another replica");

    // Dressed up as the other way's kind, it meets the other way's key.
    let mut disguised = telemetry;
    disguised.truncate(80);
    disguised[5] = 1;
    disguised[32..48].copy_from_slice(&[1; 16]);
    assert!(matches!(field.handle(&disguised, 1), Handled::Ignored(_)));
}

#[test]
fn a_controller_believes_only_what_names_its_session() {
    let mut field = Field::new(DEVICE);
    let mut first = controller(R1, 1);
    introduce(&mut first, R1, &mut field, 0);
    let recorded = field.telemetry(R1, 5);
    assert!(matches!(first.observe(&recorded, Lan::A, ms(5)), Some(Event::Telemetry(_))));
    assert_eq!(first.observe(&recorded, Lan::A, ms(5)), Some(Event::Rejected(Refusal::Replay)));

    let mut restarted = controller(R1, 2);
    assert_eq!(restarted.observe(&recorded, Lan::A, ms(6)), Some(Event::Greeting { device: DEVICE }), "no news");
    assert_eq!(restarted.live_devices(), 0);
    // The beat that answers the recording still opens the session: it proves that this life of the device was heard.
    let offers = due(&mut restarted, 6);
    assert_eq!(field.handle(&offers[0], 6), Handled::Opened(R1));
    assert!(matches!(restarted.observe(&field.telemetry(R1, 7), Lan::A, ms(7)), Some(Event::Telemetry(_))));
    assert_eq!(restarted.observe(&recorded, Lan::A, ms(8)), Some(Event::Rejected(Refusal::Replay)));
}

#[test]
fn telemetry_that_was_overtaken_is_no_news() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    introduce(&mut controller, R1, &mut field, 0);
    let (older, newer) = (field.telemetry(R1, 10), field.telemetry(R1, 20));
    assert!(matches!(controller.observe(&newer, Lan::A, ms(21)), Some(Event::Telemetry(_))));
    assert_eq!(controller.observe(&older, Lan::A, ms(22)), Some(Event::Rejected(Refusal::Replay)));
}

#[test]
fn a_controller_follows_a_device_through_reboots_and_not_back() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    let mut recorded = Vec::new();
    for life in 0..200 {
        let now = life * 100;
        introduce(&mut controller, R1, &mut field, now);
        for at in 1..4 {
            recorded.push(field.telemetry(R1, now + at));
            // One in three never arrives and is kept by the attacker.
            if at != 2 {
                let event = controller.observe(&recorded[recorded.len() - 1], Lan::A, ms(now + at));
                assert!(matches!(event, Some(Event::Telemetry(_))), "{event:?}");
            }
        }
        let dead = recorded.len().saturating_sub(3);
        for frame in &recorded[dead.saturating_sub(9)..dead] {
            let event = controller.observe(frame, Lan::A, ms(now + 10));
            assert!(!matches!(event, Some(Event::Telemetry(_))), "of a dead life: {event:?}");
        }
        due(&mut controller, now + 20);
        field.reboot(field.memory());
    }
}

#[test]
fn a_held_back_frame_of_a_dead_life_does_not_lock_the_living_one_out() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    controller.observe(&field.telemetry(R1, 0), Lan::A, ms(0));
    let offers = due(&mut controller, 0);
    field.handle(&offers[0], 0);
    let held_back = field.telemetry(R1, 1);

    field.reboot(field.memory());
    controller.observe(&field.telemetry(R1, 20), Lan::A, ms(20));
    let offers = due(&mut controller, 20);
    assert_eq!(field.handle(&offers[0], 20), Handled::Opened(R1));
    // Now the dead life's frame is let through, before the living one's.
    assert!(matches!(controller.observe(&held_back, Lan::A, ms(21)), Some(Event::Telemetry(_))));
    assert_eq!(controller.observe(&field.telemetry(R1, 22), Lan::A, ms(22)), Some(Event::Greeting { device: DEVICE }));
    for offer in due(&mut controller, 40) {
        field.handle(&offer, 40);
    }
    assert!(matches!(controller.observe(&field.telemetry(R1, 41), Lan::A, ms(41)), Some(Event::Telemetry(_))));
    assert_eq!(
        controller.observe(&held_back, Lan::A, ms(42)),
        Some(Event::Greeting { device: DEVICE }),
        "and never again"
    );
}

#[test]
fn two_processes_of_one_replica_do_not_move_a_device_backwards() {
    let mut field = Field::new(DEVICE);
    let (mut first, mut second) = (controller(R1, 1), controller(R1, 2));
    introduce(&mut first, R1, &mut field, 0);
    introduce(&mut second, R1, &mut field, 1);
    let leadership = |term| Leadership { term, lease: ms(500), valid_for: Millis::seconds(60) };
    first.lead(leadership(1), ms(2)).expect("it may lead");
    for frame in due(&mut first, 2) {
        assert_eq!(field.handle(&frame, 2), REPLAY, "its session ended when the other one's began");
    }
}

#[test]
fn a_device_that_names_another_process_of_the_replica_only_greets_this_one() {
    let mut field = Field::new(DEVICE);
    let (mut first, mut second) = (controller(R1, 1), controller(R1, 2));
    introduce(&mut first, R1, &mut field, 0);
    introduce(&mut second, R1, &mut field, 1);
    let telemetry = field.telemetry(R1, 2);
    assert_eq!(first.observe(&telemetry, Lan::A, ms(2)), Some(Event::Greeting { device: DEVICE }));
}

#[test]
fn a_session_begins_only_with_what_was_said_in_the_one_before_it() {
    let mut field = Field::new(DEVICE);
    Scripted::leading(&mut field, R1, 1, 1, 900);
    let mut second = Scripted::new(R1, session(2), field.boot());
    // The first session began with the device's first word; whoever has heard no more may be a recording.
    second.header.heard = 1;
    assert_eq!(field.handle(&second.beat(0, 0), 1), REPLAY);
    second.hear(&field.telemetry(R1, 1));
    assert_eq!(field.handle(&second.beat(0, 0), 1), Handled::Opened(R1));
}

#[test]
fn a_new_life_that_names_another_process_is_not_adopted() {
    let mut field = Field::new(DEVICE);
    let (mut first, mut second) = (controller(R1, 1), controller(R1, 2));
    let leadership = Leadership { term: 1, lease: ms(500), valid_for: Millis::seconds(60) };
    introduce(&mut first, R1, &mut field, 0);
    first.lead(leadership, ms(1)).expect("it may lead");
    assert!((1..500).map(|now| due(&mut first, now).len()).sum::<usize>() > 2);
    field.reboot(field.memory());
    introduce(&mut second, R1, &mut field, 500);
    second.lead(leadership, ms(501)).expect("it may lead");
    for frame in due(&mut second, 501) {
        field.handle(&frame, 501);
    }
    // What it has heard of the other one could have been said by this one.
    let telemetry = field.telemetry(R1, 502);
    assert_eq!(first.observe(&telemetry, Lan::A, ms(502)), Some(Event::Greeting { device: DEVICE }));
}

/// Sealed with the true key, so that nothing but the rule stands against it.
#[test]
fn a_beat_of_no_session_opens_none() {
    let mut field = Field::new(DEVICE);
    let mut replica = Scripted::new(R1, SessionNonce::NONE, field.boot());
    replica.hear(&field.telemetry(R1, 0));
    assert_eq!(field.handle(&replica.beat(1, 900), 0), Handled::Ignored(Refusal::Replay));
    assert_eq!(field.handle(&replica.order(1, 1, 800), 0), Handled::Ignored(Refusal::Replay));
    assert_eq!(field.recorder.applied, []);
}
