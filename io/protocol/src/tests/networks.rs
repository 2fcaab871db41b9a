//! Two networks: the first copy is taken, the second counted, a flood on one leaves the other alone.

use ridethrough_core::device::Verdict;

use super::support::*;
use crate::{Event, Handled, Lan, Leadership, Refusal};

const EXECUTED: Handled = Handled::Answer { replica: R1, verdict: Verdict::Executed };

#[test]
fn a_device_takes_the_first_copy_and_counts_the_second() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    for (index, (first, second)) in (1..).zip([(Lan::A, Lan::B), (Lan::B, Lan::A)]) {
        let order = leader.order(1, index, 800);
        assert_eq!(field.handle_from(first, &order, 1), EXECUTED);
        assert_eq!(field.handle_from(second, &order, 1), Handled::Copy);
        for lan in Lan::ALL {
            assert_eq!(field.handle_from(lan, &order, 1), Handled::Ignored(Refusal::Replay), "a third is a recording");
        }
    }
    assert_eq!(field.recorder.applied.len(), 2);
    assert_eq!(field.endpoint.counters().replay, 4);
}

#[test]
fn a_network_may_be_some_frames_behind() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    let beats: Vec<_> = (0..20).map(|nth| leader.beat(1, 900 + nth)).collect();
    assert!(beats.iter().all(|beat| field.handle_from(Lan::A, beat, 1) == Handled::Nothing));
    let copies = beats.iter().filter(|beat| field.handle_from(Lan::B, beat, 1) == Handled::Copy).count();
    assert_eq!(copies, 16);
}

#[test]
fn what_only_looks_like_a_copy_is_a_replay() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    let order = leader.order(1, 1, 800);
    assert_eq!(field.handle(&order, 1), EXECUTED);
    // A network that damages what it carries must not pass for a sound one.
    for bit in 0..order.len() * 8 {
        let mut damaged = order.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(field.handle_from(Lan::B, &damaged, 1), Handled::Ignored(_)), "bit {bit}");
    }
    assert_eq!(field.handle_from(Lan::B, &order, 1), Handled::Copy);
}

#[test]
fn a_replica_hears_which_network_brings_what() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    introduce(&mut controller, R1, &mut field, 0);
    for now in 1..50 {
        let telemetry = field.telemetry(R1, now);
        assert!(matches!(controller.observe(&telemetry, Lan::B, ms(now)), Some(Event::Telemetry(_))));
        assert_eq!(controller.observe(&telemetry, Lan::A, ms(now)), Some(Event::Copy { device: DEVICE }));
    }
    controller.lead(Leadership { term: 1, lease: ms(500), valid_for: ms(1_000) }, ms(50)).expect("it may lead");
    for frame in due(&mut controller, 50) {
        field.handle_from(Lan::A, &frame, 50);
        field.handle_from(Lan::B, &frame, 50);
    }
    let telemetry = field.telemetry(R1, 51);
    let Some(Event::Telemetry(said)) = controller.observe(&telemetry, Lan::A, ms(51)) else { panic!("telemetry") };
    assert_eq!(said.heard, [2, 1], "the offer came over one network, the beat over both");
}

#[test]
fn a_flood_on_one_network_does_not_silence_the_other() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    for _ in 0..100_000 {
        let mut forged = leader.beat(1, 900);
        forged[79] ^= 1;
        field.handle_from(Lan::B, &forged, 1);
    }
    let order = leader.order(1, 1, 800);
    assert_eq!(field.handle_from(Lan::B, &order, 1), Handled::Ignored(Refusal::Flooded));
    assert_eq!(field.handle_from(Lan::A, &order, 1), EXECUTED);
}

#[test]
fn forged_greetings_do_not_silence_a_device_that_is_known() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    introduce(&mut controller, R1, &mut field, 0);
    let mut forged = field.telemetry(R1, 1);
    forged[24] ^= 1;
    for _ in 0..10_000 {
        assert!(matches!(controller.observe(&forged, Lan::A, ms(1)), Some(Event::Rejected(_))));
    }
    let telemetry = field.telemetry(R1, 1);
    assert!(matches!(controller.observe(&telemetry, Lan::A, ms(1)), Some(Event::Telemetry(_))));
}
