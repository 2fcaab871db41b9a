//! What stands in the way of an operation.

use crate::capping;
use crate::command::{Action, Operation, Shed, WORDS_BYTES_MAX};
use crate::device::{DeviceId, Setpoint};
use crate::envelope::{self, Refusal, Violation};
use crate::ledger::{LOCKS_MAX, Ledger};
use crate::site::{RackId, Site, TIER_MAX};
use crate::units::Millis;

/// An operator may ask for less for a rack's servers for so long: a day.
pub const SHED_MAX: Millis = Millis::seconds(24 * 3_600);

/// Whether the operation may be carried out. A transfer is judged by the envelope besides.
pub fn check(ledger: &Ledger, operation: &Operation) -> Result<(), Refusal> {
    if let Some(done) = operation.request.and_then(|request| ledger.carried_out(request)) {
        return Err(Refusal::one(Violation::CarriedOut(done)));
    }
    let words = [("actor", &operation.actor), ("reason", &operation.reason)];
    if let Some((what, _)) = words.iter().find(|(_, text)| is_bad(text)) {
        return Err(bad_words(what));
    }
    let broken = match &operation.action {
        Action::Drill(note) if is_bad(&note.drill) => return Err(bad_words("drill")),
        Action::Denied(asked) if is_bad(asked) => return Err(bad_words("request")),
        Action::Unlock { of, .. } if is_bad(of) => return Err(bad_words("owner of a lock")),
        Action::Transfer(..)
        | Action::ManualOn
        | Action::ManualOff
        | Action::HandOver(_)
        | Action::Members(_)
        | Action::Drill(_)
        | Action::Denied(_) => None,
        Action::End(rack) => known_rack(ledger.site(), *rack)
            .or_else(|| ledger.transfer(*rack).is_none().then_some(Violation::NoTransfer(*rack))),
        Action::Hold(device) => {
            known(ledger.site(), *device).or_else(|| ledger.is_held(*device).then_some(Violation::DeviceHeld(*device)))
        }
        Action::Resume(device) => check_resume(ledger, *device),
        Action::Lock(device) => check_lock(ledger, *device, &operation.actor),
        Action::Unlock { device, of } => {
            (!ledger.locks().has(*device, of)).then(|| Violation::NotLocked { device: *device, by: of.clone() })
        }
        Action::Model(action) => ledger.models().after(*action).err().map(Violation::Model),
        Action::Shed(shed) => check_shed(ledger, shed),
        Action::Restore(rack) => known_rack(ledger.site(), *rack)
            .or_else(|| ledger.shed(*rack).is_none().then_some(Violation::NotShed(*rack))),
        Action::Acknowledge(alarm) => ledger.alarms().may_acknowledge(*alarm).err().map(Violation::Alarm),
        Action::Shelve(alarm, hold) => ledger.alarms().may_shelve(*alarm, *hold).err().map(Violation::Alarm),
        Action::Unshelve(alarm) => ledger.alarms().may_unshelve(*alarm).err().map(Violation::Alarm),
    };
    broken.map_or(Ok(()), |violation| Err(Refusal::one(violation)))
}

fn check_resume(ledger: &Ledger, device: DeviceId) -> Option<Violation> {
    let locked = || ledger.locks().of(device).next().map(|by| Violation::DeviceLocked { device, by: by.to_owned() });
    known(ledger.site(), device)
        .or_else(|| (!ledger.is_held(device)).then_some(Violation::DeviceNotHeld(device)))
        .or_else(locked)
}

fn check_lock(ledger: &Ledger, device: DeviceId, person: &str) -> Option<Violation> {
    let locks = ledger.locks();
    let twice = locks.has(device, person).then(|| Violation::DeviceLocked { device, by: person.to_owned() });
    let full = || locks.of(device).count() >= LOCKS_MAX;
    known(ledger.site(), device)
        .or(twice)
        .or_else(|| full().then_some(Violation::TooMany { what: "locks of a device", max: LOCKS_MAX }))
}

/// Whoever asks for less is told at once where it cannot be kept: in manual mode and at a PDU that is held nothing is capped.
fn check_shed(ledger: &Ledger, shed: &Shed) -> Option<Violation> {
    let (site, rack) = (ledger.site(), shed.rack);
    if let Some(unknown) = known_rack(site, rack) {
        return Some(unknown);
    }
    let pdu = DeviceId::Pdu(rack);
    let least = capping::rack_floor(site, rack, TIER_MAX);
    let fits = envelope::device::admits(site, pdu, &Setpoint::Pdu { cap: shed.cap, keep_tiers: TIER_MAX });
    let lasts = shed.hold > Millis::ZERO && shed.hold <= SHED_MAX;
    let broken = [
        (ledger.is_manual(), Violation::Manual),
        (ledger.is_held(pdu), Violation::DeviceHeld(pdu)),
        (!fits, Violation::CapOutOfRange { rack, least }),
        (!lasts, Violation::ShedOutOfRange(shed.hold)),
    ];
    broken.into_iter().find_map(|(broken, violation)| broken.then_some(violation))
}

fn is_bad(words: &str) -> bool {
    words.trim().is_empty() || words.len() > WORDS_BYTES_MAX
}

fn bad_words(what: &'static str) -> Refusal {
    Refusal::one(Violation::BadWords { what, bytes_max: WORDS_BYTES_MAX })
}

fn known(site: &Site, device: DeviceId) -> Option<Violation> {
    site.device_slot(device).is_none().then_some(Violation::UnknownDevice(device))
}

fn known_rack(site: &Site, rack: RackId) -> Option<Violation> {
    let there = rack.index() < site.racks.len();
    (!there).then_some(Violation::Unknown { what: "rack", index: rack.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::example::World;
    use crate::ledger::Effect;
    use crate::request::RequestId;
    use crate::site::KesmId;

    fn asked(world: &mut World, request: u128, actor: &str, action: Action) -> Result<(), String> {
        let request = Some(RequestId(request));
        let operation = Operation { request, actor: actor.into(), reason: "a test".into(), action };
        let site = world.ledger.site().clone();
        let checked = check(&world.ledger, &operation);
        match (world.commit(Command::Operation(operation)), checked) {
            (Effect::Refused(refusal), Err(checked)) if refusal == checked => Err(refusal.describe(&site)),
            (Effect::Admitted { .. }, Ok(())) => Ok(()),
            differ => panic!("the ledger and the check differ: {differ:?}"),
        }
    }

    #[test]
    fn a_request_is_carried_out_once_and_one_that_was_refused_may_be_asked_again() {
        let mut world = World::new();
        let device = DeviceId::Kesm(KesmId(0));
        assert_eq!(
            asked(&mut world, 1, "anna", Action::Resume(device)),
            Err("kesm K0 is not held by an operator".into())
        );
        assert_eq!(asked(&mut world, 2, "anna", Action::Hold(device)), Ok(()));
        let index = world.ledger.seen().index;
        assert_eq!(asked(&mut world, 1, "anna", Action::Resume(device)), Ok(()));
        let again = asked(&mut world, 2, "anna", Action::Hold(device));
        let number = format!("{:032x}", 2);
        assert_eq!(again, Err(format!("request {number} was carried out before, by entry {index}")));
        assert!(!world.ledger.is_held(device), "asked twice, done once");
        let replay = crate::audit::replay(crate::example::site(), world.entries.clone());
        assert_eq!((replay.divergence, replay.ledger.parts()), (None, world.ledger.parts()));
    }

    #[test]
    fn a_locked_device_is_released_when_everybody_has_taken_his_lock_off() {
        let mut world = World::new();
        let device = DeviceId::Kesm(KesmId(0));
        let unlock = |of: &str| Action::Unlock { device, of: of.into() };
        assert_eq!(asked(&mut world, 1, "anna", Action::Lock(device)), Ok(()));
        assert!(world.ledger.is_held(device), "a locked device is held");
        assert_eq!(asked(&mut world, 2, "olu", Action::Lock(device)), Ok(()));
        assert_eq!(asked(&mut world, 3, "olu", Action::Lock(device)), Err("kesm K0 is locked by olu".into()));
        assert_eq!(asked(&mut world, 4, "mira", Action::Resume(device)), Err("kesm K0 is locked by anna".into()));
        assert_eq!(asked(&mut world, 5, "mira", unlock("mira")), Err("kesm K0 is not locked by mira".into()));
        assert_eq!(asked(&mut world, 6, "anna", unlock("anna")), Ok(()));
        assert_eq!(asked(&mut world, 7, "anna", Action::Resume(device)), Err("kesm K0 is locked by olu".into()));
        assert_eq!(asked(&mut world, 8, "mira", unlock("olu")), Ok(()));
        assert!(world.ledger.is_held(device), "unlocking releases nothing");
        assert_eq!(asked(&mut world, 9, "mira", Action::Resume(device)), Ok(()));
        for number in 10..18 {
            assert_eq!(asked(&mut world, number, &format!("fitter {number}"), Action::Lock(device)), Ok(()));
        }
        let ninth = asked(&mut world, 18, "anna", Action::Lock(device));
        assert_eq!(ninth, Err("more than 8 locks of a device".into()));
        let again = Ledger::from_parts(crate::example::site(), world.ledger.parts());
        assert_eq!(again.parts(), world.ledger.parts());
    }

    #[test]
    fn operations_need_words_and_something_to_act_on() {
        let world = World::new();
        let refused = |actor: &str, action: Action| {
            let operation = Operation { request: None, actor: actor.into(), reason: "test".into(), action };
            check(&world.ledger, &operation).map_err(|refusal| refusal.describe(world.ledger.site()))
        };
        assert_eq!(refused(" ", Action::ManualOn), Err("the actor must have 1 to 256 bytes".into()));
        assert_eq!(refused("anna", Action::End(RackId(1))), Err("rack R1 has no transfer".into()));
        let tie = DeviceId::Tie(crate::site::TieId(77));
        assert_eq!(refused("anna", Action::Hold(tie)), Err("the site has no device 0x3004d (not of this site)".into()));
        assert_eq!(refused("anna", Action::ManualOn), Ok(()));
    }

    #[test]
    fn words_are_there_and_no_longer_than_a_log_takes() {
        use crate::drill::{DrillNote, DrillStage};
        let mut world = World::new();
        let device = DeviceId::Kesm(KesmId(0));
        assert_eq!(asked(&mut world, 1, "anna", Action::Lock(device)), Ok(()));
        let mut number = 1;
        let mut said = |action: Action| {
            number += 1;
            asked(&mut world, number, "anna", action).err()
        };
        let bad = |what| Some(format!("the {what} must have 1 to 256 bytes"));
        let drill = |drill: String| Action::Drill(DrillNote { drill, seed: 1, stage: DrillStage::Begun });
        let (longest, longer, blank) = ("x".repeat(256), "x".repeat(257), "  ".to_owned());
        assert_eq!(said(drill(longest.clone())), None);
        assert_eq!([said(drill(longer.clone())), said(drill(blank.clone()))], [bad("drill"), bad("drill")]);
        assert_eq!(said(Action::Denied(longest)), None);
        assert_eq!(
            [said(Action::Denied(longer.clone())), said(Action::Denied(blank.clone()))],
            [bad("request"), bad("request")]
        );
        for of in [longer, blank] {
            assert_eq!(said(Action::Unlock { device, of }), bad("owner of a lock"));
        }
        assert_eq!(said(Action::Unlock { device, of: "anna".into() }), None);
    }

    #[test]
    fn a_rack_that_is_not_there_has_no_transfer_to_end() {
        let refused =
            |rack| asked(&mut World::new(), 1, "anna", Action::End(RackId(rack))).expect_err("nothing to end");
        assert_eq!(refused(5), "rack R5 has no transfer");
        assert_eq!(refused(6), "the site has no rack #6");
    }
}
