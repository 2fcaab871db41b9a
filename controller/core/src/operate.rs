//! What operators may do, and what they are told when they may not.

use crate::command::{Action, Operation, WORDS_BYTES_MAX};
use crate::device::DeviceId;
use crate::envelope::{Refusal, Violation};
use crate::ledger::Ledger;
use crate::site::{RackId, Site};

/// Whether the operation may be carried out. A transfer is judged by the envelope besides.
pub fn check(ledger: &Ledger, operation: &Operation) -> Result<(), Refusal> {
    let words = [("actor", &operation.actor), ("reason", &operation.reason)];
    if let Some((what, _)) = words.iter().find(|(_, text)| text.trim().is_empty() || text.len() > WORDS_BYTES_MAX) {
        return Err(Refusal::one(Violation::BadWords { what, bytes_max: WORDS_BYTES_MAX }));
    }
    let broken = match &operation.action {
        Action::Transfer(..) | Action::ManualOn | Action::ManualOff => None,
        Action::End(rack) => known_rack(ledger.site(), *rack)
            .or_else(|| ledger.transfer(*rack).is_none().then_some(Violation::NoTransfer(*rack))),
        Action::Hold(device) => {
            known(ledger.site(), *device).or_else(|| ledger.is_held(*device).then_some(Violation::DeviceHeld(*device)))
        }
        Action::Resume(device) => known(ledger.site(), *device)
            .or_else(|| (!ledger.is_held(*device)).then_some(Violation::DeviceNotHeld(*device))),
    };
    broken.map_or(Ok(()), |violation| Err(Refusal::one(violation)))
}

fn known(site: &Site, device: DeviceId) -> Option<Violation> {
    site.device_slot(device).is_none().then_some(Violation::UnknownDevice(device))
}

fn known_rack(site: &Site, rack: RackId) -> Option<Violation> {
    let there = rack.index() < site.racks.len();
    (!there).then_some(Violation::Unknown { what: "rack", index: rack.0 })
}
