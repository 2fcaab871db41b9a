//! Meters that lie and meters that stand still.

use ridethrough_core::device::DeviceId;
use ridethrough_core::trust::Fault;
use ridethrough_fault_injection::plant::fault::DeviceFault;

use super::run::{Run, fault, scene};
use crate::support::MIDDLE;

const CALM: &[(u64, f64)] = &[(0, 12_000.0)];
const SURGE: &[(u64, f64)] = &[(0, 12_000.0), (3_000, 32_000.0)];

/// The middle rack's PDU lies by this share while the rack is helped.
fn caught_lying(share: f64) {
    let lies = fault(DeviceId::Pdu(MIDDLE), DeviceFault::Lying { share }, 8_000, None);
    let mut run = Run::new(&scene([CALM, SURGE, CALM], vec![lies]));
    let is_caught = |run: &Run| run.quarantined(DeviceId::Pdu(MIDDLE)) == Some(Fault::NotAddingUp);
    run.until(8_000);
    assert!(!is_caught(&run));
    let caught = run.first(12_000, is_caught);
    assert!(caught.is_some(), "a share of {share}");
    assert_eq!(honest_in_quarantine(&run), [], "a share of {share}");
    run.until(120_000);
    assert_eq!(honest_in_quarantine(&run), [], "a share of {share}");
    run.is_sound();
}

fn honest_in_quarantine(run: &Run) -> Vec<DeviceId> {
    let devices = run.world.site().devices();
    devices.filter(|device| *device != DeviceId::Pdu(MIDDLE) && run.quarantined(*device).is_some()).collect()
}

#[test]
fn a_pdu_that_tells_half_of_it_is_found_and_nothing_trips() {
    caught_lying(0.5);
}

#[test]
fn a_pdu_that_tells_too_much_is_found_and_nothing_trips() {
    caught_lying(1.6);
}

#[test]
fn a_meter_that_stands_still_is_found_and_nothing_trips() {
    let frozen = fault(DeviceId::Pdu(MIDDLE), DeviceFault::Frozen, 2_000, None);
    let mut run = Run::new(&scene([CALM, SURGE, CALM], vec![frozen]));
    let caught = run.first(20_000, |run| run.quarantined(DeviceId::Pdu(MIDDLE)) == Some(Fault::Still));
    assert!(caught.is_some_and(|at_ms| at_ms <= 8_500), "{caught:?}");
    run.until(120_000);
    run.is_sound();
}
