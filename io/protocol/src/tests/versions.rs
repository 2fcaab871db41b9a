//! Devices of two versions beside each other, and a device whose firmware changes.

use ridethrough_core::device::Verdict;

use super::support::*;
use crate::header::Header;
use crate::{Event, Handled, Lan, Leadership, Malformed, Refusal, Version};

fn version_of(frame: &[u8]) -> Version {
    Header::parse(frame).expect("a frame").version
}

#[test]
fn each_device_is_spoken_to_in_its_own_version() {
    for version in Version::ALL {
        let (mut field, mut controller) = (Field::new(DEVICE), controller(R1, 1));
        field.reboot_as(version, field.memory());
        introduce(&mut controller, R1, &mut field, 0);
        let leave = Leadership { term: 1, lease: ms(900), valid_for: ms(5_000) };
        controller.lead(leave, ms(1)).expect("it may lead");
        controller.take_in(&order(1, 1), 1, ms(800), ms(1)).expect("it leads");
        let frames = due(&mut controller, 1);
        assert!(frames.iter().all(|frame| version_of(frame) == version), "{version:?}");
        let executed = Handled::Answer { replica: R1, verdict: Verdict::Executed };
        assert!(frames.iter().any(|frame| field.handle(frame, 1) == executed), "{version:?}");
        assert_eq!(version_of(field.out.as_bytes()), version);
        assert!(matches!(controller.observe(field.out.as_bytes(), Lan::A, ms(2)), Some(Event::Ack { .. })));
    }
}

#[test]
fn a_device_takes_nothing_in_another_version_than_its_own() {
    let mut field = Field::new(DEVICE);
    let mut replica = Scripted::leading(&mut field, R1, 1, 1, 900);
    let refused = Handled::Ignored(Refusal::Malformed(Malformed::Version));
    replica.header.version = Version::V3;
    assert_eq!(field.handle(&replica.order(1, 1, 800), 1), refused, "though its key is right");
    replica.header.version = Version::V4;
    assert!(matches!(field.handle(&replica.order(1, 1, 800), 1), Handled::Answer { .. }));
}

#[test]
fn new_firmware_is_met_like_any_reboot_and_so_is_the_old_one() {
    let (mut field, mut controller) = (Field::new(DEVICE), controller(R1, 1));
    let mut now = 0;
    for version in [Version::V3, Version::V4, Version::V3] {
        now += 100;
        field.reboot_as(version, field.memory());
        introduce(&mut controller, R1, &mut field, now);
        let frames = [field.telemetry(R1, now + 1)];
        assert!(matches!(controller.observe(&frames[0], Lan::A, ms(now + 1)), Some(Event::Telemetry(_))));
    }
}

#[test]
fn no_life_changes_its_version() {
    let (mut field, mut controller) = (Field::new(DEVICE), controller(R1, 1));
    introduce(&mut controller, R1, &mut field, 0);
    let mut telemetry = field.telemetry(R1, 1);
    telemetry[4] = Version::V3.to_wire();
    let event = controller.observe(&telemetry, Lan::A, ms(1));
    assert_eq!(event, Some(Event::Rejected(Refusal::Replay)), "before any MAC");
    telemetry[4] = Version::V4.to_wire();
    assert!(matches!(controller.observe(&telemetry, Lan::A, ms(1)), Some(Event::Telemetry(_))));
}
