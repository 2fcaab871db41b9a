//! The site's secret is changed while everybody works.

use super::support::*;
use crate::{
    ControllerEndpoint, Datagram, DeviceEndpoint, EpochsClash, Event, Handled, KeyEpoch, Keyring, Lan, Orders, Refusal,
    SiteSecret, VolatileFence,
};

fn epoch(number: u32) -> KeyEpoch {
    KeyEpoch::new(number).expect("not zero")
}

fn of(number: u8) -> SiteSecret {
    SiteSecret::new([number; 32])
}

/// A keyring that speaks in one epoch and believes another, if there is one.
fn keyring(spoken: u8, accepted: Option<u8>) -> Keyring {
    let keys = Keyring::new(epoch(spoken.into()), of(spoken));
    match accepted {
        None => keys,
        Some(number) => keys.with_accepted(epoch(number.into()), of(number)).expect("another epoch"),
    }
}

/// Whether a replica and a device with these keyrings come to know each other.
fn understand(of_replica: &Keyring, of_device: &Keyring) -> bool {
    let mut controller = ControllerEndpoint::new(&of_replica.replica(R1), session(1), &[DEVICE], Orders::One);
    let keys = of_device.device(DEVICE, &REPLICAS);
    let mut endpoint = DeviceEndpoint::new(keys, boot(1), Orders::One, VolatileFence::default());
    let (mut recorder, mut out) = (Recorder::default(), Datagram::new());
    for now in [0, 1] {
        endpoint.telemetry(R1, &reading(), ms(now), &mut out).expect("the replica is known");
        let event = controller.observe(out.as_bytes(), Lan::A, ms(now));
        for frame in due(&mut controller, now) {
            endpoint.handle(&frame, Lan::A, ms(now), &mut recorder, &mut out);
        }
        if matches!(event, Some(Event::Telemetry(_))) {
            return true;
        }
    }
    false
}

#[test]
fn every_step_of_a_change_keeps_everybody_in_touch() {
    // Each end goes through these one after the other, and both may be one step apart.
    let steps = [keyring(1, None), keyring(1, Some(2)), keyring(2, Some(1)), keyring(2, None)];
    for (nth, replica) in steps.iter().enumerate() {
        for (other, device) in steps.iter().enumerate() {
            assert_eq!(understand(replica, device), nth.abs_diff(other) <= 1, "steps {nth} and {other}");
        }
    }
}

#[test]
fn a_retired_secret_speaks_for_nobody() {
    let mut field = Field::new(DEVICE);
    let retired = Keyring::new(epoch(9), SiteSecret::new([9; 32]));
    let mut replica = Scripted::with_keys(&retired, R1, session(1), field.boot());
    replica.hear(&field.telemetry(R1, 0));
    assert_eq!(field.handle(&replica.beat(0, 0), 0), Handled::Ignored(Refusal::UnknownEpoch));
    let mut relabelled = replica.beat(0, 0);
    relabelled[12] = 1;
    assert_eq!(field.handle(&relabelled, 0), Handled::Ignored(Refusal::BadMac));
    assert_eq!(field.endpoint.counters().bad_mac, 2);
}

#[test]
fn one_epoch_has_one_secret() {
    let clash = Keyring::new(epoch(3), of(1)).with_accepted(epoch(3), of(2)).err();
    assert_eq!(clash, Some(EpochsClash(epoch(3))));
    assert_eq!(KeyEpoch::new(0), None);
}

#[test]
fn sessions_have_keys_of_their_own() {
    let mut field = Field::new(DEVICE);
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    let order = leader.order(1, 1, 800);
    field.reboot(field.memory());
    let mut leader = Scripted::leading(&mut field, R1, 1, 1, 900);
    // The recorded order under the new life's boot nonce: its MAC was made with the old life's key.
    let mut moved = order;
    moved[24..32].copy_from_slice(&leader.order(1, 1, 800)[24..32]);
    moved[32..40].copy_from_slice(&9_u64.to_le_bytes());
    assert_eq!(field.handle(&moved, 1), Handled::Ignored(Refusal::BadMac));
}
