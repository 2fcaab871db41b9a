//! Floods: what a forger can cost and what he cannot.

use ridethrough_core::device::Verdict;

use super::support::*;
use crate::limits::{FRAMES_BURST, FRAMES_PER_MS, MACS_BURST, MACS_PER_MS};
use crate::{Event, Handled, Lan, Refusal};

#[test]
fn a_blind_flood_costs_no_mac() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    let mut stranger = Scripted::new(R1, session(9), boot(99));
    for _ in 0..100_000 {
        assert_eq!(field.handle(&stranger.beat(9, 900), 1), Handled::Ignored(Refusal::Replay));
    }
    assert_eq!(field.endpoint.counters().flooded, 0);
    let executed = Handled::Answer { replica: R1, verdict: Verdict::Executed };
    assert_eq!(field.handle(&leader.order(1, 1, 800), 1), executed);
}

#[test]
fn a_flood_that_copies_one_replica_does_not_silence_another() {
    let mut field = Field::new(DEVICE);
    let mut victim = Scripted::leading(&mut field, R1, 1, 0, 0);
    let mut leader = Scripted::leading(&mut field, R2, 2, 1, 900);
    let mut bad_macs = 0;
    for sent in 0..100_000_i64 {
        let mut forged = victim.beat(9, 900);
        forged[79] ^= 1;
        bad_macs += u32::from(field.handle(&forged, sent / 10_000) == Handled::Ignored(Refusal::BadMac));
    }
    assert!(bad_macs <= MACS_BURST + 10 * MACS_PER_MS, "{bad_macs} MACs");
    assert_eq!(field.endpoint.counters().flooded, 100_000 - bad_macs);
    let executed = Handled::Answer { replica: R2, verdict: Verdict::Executed };
    assert_eq!(field.handle(&leader.order(1, 1, 800), 9), executed);
}

#[test]
fn a_forger_who_sees_everything_does_not_silence_the_sender_that_he_imitates() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 60_000);
    let answer = Handled::Answer { replica: R1, verdict: Verdict::Executed };
    // A hundred forged frames in every millisecond, for a second, each as good as a true one but for its MAC.
    for now in 1..1_000_i64 {
        let order = leader.order(1, now.cast_unsigned(), 60_000);
        let mut forged = order.clone();
        forged[127] ^= 1;
        assert!((0..100).all(|_| field.handle(&forged, now) == Handled::Ignored(Refusal::BadMac)));
        assert_eq!(field.handle(&order, now), answer);
    }
}

#[test]
fn a_babbling_device_does_not_silence_another() {
    let mut babbler = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    introduce(&mut controller, R1, &mut babbler, 0);
    let told = (0..10_000).filter(|_| {
        let event = controller.observe(&babbler.telemetry(R1, 1), Lan::A, ms(1));
        matches!(event, Some(Event::Telemetry(_)))
    });
    assert!(told.count() <= (FRAMES_BURST + FRAMES_PER_MS) as usize);
    let mut other = Field::new(OTHER_DEVICE);
    let greeting = other.telemetry(R1, 1);
    assert_eq!(controller.observe(&greeting, Lan::A, ms(1)), Some(Event::Greeting { device: OTHER_DEVICE }));
}

/// With true keys: what a stolen or broken replica can cost is its own turn, and nobody else's.
#[test]
fn a_babbling_replica_does_not_silence_another() {
    let mut field = Field::new(DEVICE);
    let mut babbler = Scripted::leading(&mut field, R1, 1, 1, 60_000);
    let mut leader = Scripted::leading(&mut field, R2, 2, 2, 60_000);
    let said = 10_000;
    let dropped =
        (0..said).filter(|_| field.handle(&babbler.beat(0, 0), 1) == Handled::Ignored(Refusal::Flooded)).count();
    assert!(said - dropped <= (FRAMES_BURST + FRAMES_PER_MS) as usize, "{dropped} of {said} were dropped");
    assert_eq!(field.endpoint.counters().flooded as usize, dropped);
    let executed = Handled::Answer { replica: R2, verdict: Verdict::Executed };
    assert_eq!(field.handle(&leader.order(2, 1, 800), 1), executed);
    assert_eq!(field.handle(&babbler.beat(0, 0), 2), Handled::Nothing, "a quiet moment later it is heard again");
}
