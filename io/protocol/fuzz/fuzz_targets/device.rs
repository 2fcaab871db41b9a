//! A device under attack: no forged frame is believed, answered or acted on, and what is genuine goes on as if there
//! had been no attack.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ridethrough_protocol::{Handled, Orders};
use ridethrough_protocol_fuzz::Case;
use ridethrough_protocol_fuzz::tape::{Device, DeviceCall, tape};
use ridethrough_vocabulary::units::Millis;

fuzz_target!(|case: Case| {
    let orders = if case.two { Orders::TwoOfThree } else { Orders::One };
    let tape = tape(orders);
    let mut device = Device::new(orders);
    let (before, after) = tape.device.split_at(case.position(tape.device.len()));
    for call in before {
        device.play(call);
    }
    let now = before.iter().rev().find_map(time).unwrap_or(Millis::ZERO);
    for shot in case.shots() {
        let Some(forged) = shot.attack.forge(&tape.genuine) else { continue };
        let seen = device.seen();
        let (handled, _) = device.handle(&forged, shot.lan(), now);
        assert!(matches!(handled, Handled::Ignored(_)), "a forged frame became {handled:?}");
        assert!(device.seen() == seen, "a forged frame moved the device");
    }
    for call in after {
        device.play(call);
    }
});

const fn time(call: &DeviceCall) -> Option<Millis> {
    match call {
        DeviceCall::Handle { now, .. } | DeviceCall::Telemetry(_, now) | DeviceCall::Outlets(_, now) => Some(*now),
        DeviceCall::Reboot(_) => None,
    }
}
