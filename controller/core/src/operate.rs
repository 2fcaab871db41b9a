//! What operators may do, and what they are told when they may not.

use crate::capping;
use crate::command::{Action, Grant, Leg, Operation, Plan, Shed, WORDS_BYTES_MAX};
use crate::device::{DeviceId, Setpoint};
use crate::envelope::{self, Refusal, Violation};
use crate::ledger::{LOCKS_MAX, Ledger};
use crate::planner::{Inputs, Proposal, Proposer};
use crate::site::{KesmId, RackId, Site, TIER_MAX};
use crate::units::{Millis, Watts};

/// An operator may ask for less for a rack's servers for so long: a day.
pub const SHED_MAX: Millis = Millis::seconds(24 * 3_600);

/// A transfer that an operator asks for, by the names of the site file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRequest {
    /// Who receives.
    pub rack: String,
    /// From which module; from wherever it costs least when left out.
    pub source: Option<String>,
    /// How much is to be delivered.
    pub watts: Watts,
    /// For how long; the site's usual hold when left out.
    pub hold: Option<Millis>,
}

/// Why a transfer that was asked for cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Every constraint that binds.
    pub refusal: Refusal,
    /// The largest amount that would be admitted now; nothing when no amount would.
    pub largest: Watts,
}

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

/// The transfer that would serve this request now, found by the planner and admitted by the envelope; or every
/// constraint that binds, and the largest amount that would be admitted.
pub fn propose_transfer(inputs: &Inputs<'_>, request: &TransferRequest) -> Result<Action, Denied> {
    let site = inputs.ledger.site();
    let (rack, source) = named(site, request).map_err(|violation| Denied::outright(Refusal::one(violation)))?;
    if request.watts <= Watts::ZERO {
        return Err(Denied::outright(Refusal::one(Violation::NothingGranted(rack))));
    }
    let hold = request.hold.unwrap_or(site.policy.transfer_hold);
    let mut proposer = Proposer::new(site);
    let ledger = inputs.ledger.at(inputs.ledger_now);
    let mut attempt = |watts: Watts| -> (Proposal, Result<Action, Refusal>) {
        let proposal = proposer.propose(inputs, rack, source, watts, hold);
        let judged = judge(&ledger, &proposal, watts);
        (proposal, judged)
    };
    let (proposal, judged) = attempt(request.watts);
    let refusal = match judged {
        Ok(action) => return Ok(action),
        Err(refusal) => refusal,
    };
    // What was found is the most that ties and modules allow; single failures may allow less.
    let mut largest = proposal.delivered();
    let admitted = |largest: Watts| largest > Watts::ZERO && attempt(largest).1.is_ok();
    if !bisect(&mut largest, admitted) {
        largest = Watts::ZERO;
    }
    Err(Denied { refusal, largest })
}

/// Lowers `most` until it is admitted, by halves; tells whether anything is.
fn bisect(most: &mut Watts, mut admitted: impl FnMut(Watts) -> bool) -> bool {
    if admitted(*most) {
        return true;
    }
    let (mut low, mut high) = (0, most.get());
    // Watts have at most thirty bits.
    for _ in 0..32 {
        let middle = low + (high - low) / 2;
        if admitted(Watts::new(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *most = Watts::new(low);
    low > 0
}

impl Denied {
    fn outright(refusal: Refusal) -> Self {
        Self { refusal, largest: Watts::ZERO }
    }
}

fn named(site: &Site, request: &TransferRequest) -> Result<(RackId, Option<KesmId>), Violation> {
    let unknown = |what, name: &str| Violation::UnknownName { what, name: name.chars().take(64).collect() };
    let rack = site.rack_ids().find(|id| site.rack(*id).name == request.rack);
    let rack = rack.ok_or_else(|| unknown("rack", &request.rack))?;
    let Some(name) = &request.source else { return Ok((rack, None)) };
    let source = site.kesm_ids().find(|id| site.kesm(*id).name == *name);
    Ok((rack, Some(source.ok_or_else(|| unknown("kesm", name))?)))
}

/// Whether a proposal covers what was asked for and is admitted. What it is short of is put on its first leg, and the
/// envelope says what that breaks.
fn judge(ledger: &Ledger, proposal: &Proposal, asked: Watts) -> Result<Action, Refusal> {
    if let Some(violation) = &proposal.barred {
        return Err(Refusal::one(violation.clone()));
    }
    let short = asked.saturating_sub(proposal.delivered()).or_zero();
    let mut grant: Grant = proposal.grant.clone();
    if short > Watts::ZERO {
        grant.legs = overloaded(ledger.site(), &proposal.grant, proposal.nearest.as_ref(), short);
    }
    if grant.legs.is_empty() {
        return Err(Refusal::one(Violation::NoWay(grant.rack)));
    }
    let (grants, stored, loads) = (vec![grant.clone()], proposal.stored.clone(), proposal.loads.clone());
    let plan = Plan { grants, stored: stored.clone(), loads: loads.clone(), ..Plan::default() };
    envelope::admit(ledger, &plan)?;
    Ok(Action::Transfer(grant, stored, loads))
}

/// The legs with what is missing on the first of them, or on the nearest way where none was found.
fn overloaded(site: &Site, grant: &Grant, nearest: Option<&Leg>, short: Watts) -> Vec<Leg> {
    let mut legs = grant.legs.clone();
    if legs.is_empty() {
        legs.extend(nearest.map(|leg| Leg { delivered: Watts::ZERO, ..leg.clone() }));
    }
    if let Some(leg) = legs.first_mut() {
        leg.delivered = leg.delivered.saturating_add(short);
        let flows = crate::electrical::path_flows(site, &leg.path, leg.delivered);
        leg.supplied = flows.first().copied().unwrap_or(leg.delivered);
    }
    legs
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
    use crate::trust::Fault;

    fn request(rack: &str, source: Option<&str>, watts: i64) -> TransferRequest {
        let source = source.map(str::to_owned);
        TransferRequest { rack: rack.into(), source, watts: Watts::new(watts), hold: None }
    }

    /// The row's answer to a request, with K0 out of reach or not, as people read it.
    fn check(mut prepare: impl FnMut(&mut World), asked: &TransferRequest, barred: Option<Fault>, expected: &str) {
        let mut world = World::new();
        prepare(&mut world);
        let fault = |device: DeviceId| barred.filter(|_| device == DeviceId::Kesm(KesmId(0)));
        let told = world.with_inputs(&fault, |inputs| match propose_transfer(inputs, asked) {
            Ok(Action::Transfer(grant, ..)) => {
                let legs: Vec<String> = grant.legs.iter().map(|leg| inputs.ledger.site().leg_name(leg)).collect();
                format!("admitted: {}", legs.join(" and "))
            }
            Ok(other) => panic!("{other:?}"),
            Err(denied) => {
                format!("{}; at most {}", denied.refusal.describe(inputs.ledger.site()), denied.largest.kilo())
            }
        });
        assert_eq!(told, expected, "{asked:?}");
    }

    #[test]
    fn a_transfer_that_can_be_is_found_and_admitted() {
        check(|_| {}, &request("R1", None, 8_000), None, "admitted: K0 via T0");
        check(|_| {}, &request("R1", Some("K1"), 8_000), None, "admitted: K1 via T4, T3, T2, T1");
    }

    #[test]
    fn too_much_is_refused_with_what_binds_and_the_largest_that_would_be_admitted() {
        check(|_| {}, &request("R1", Some("K0"), 30_000), None, "tie T0 at 31.4 kW, rated 25.0 kW; at most 24.1 kW");
        let low = |world: &mut World| world.stored(0, 640_000);
        check(
            low,
            &request("R0", Some("K0"), 20_000),
            None,
            "K0 stores 640000 J, its transfers and reserve need 772750 J; at most 2.1 kW",
        );
    }

    #[test]
    fn what_is_not_there_and_what_is_barred_is_named() {
        check(|_| {}, &request("R9", None, 1_000), None, "the site has no rack `R9`; at most 0.0 kW");
        check(|_| {}, &request("R1", Some("K7"), 1_000), None, "the site has no kesm `K7`; at most 0.0 kW");
        check(|_| {}, &request("R1", None, 0), None, "rack R1 would be granted nothing; at most 0.0 kW");
        check(
            |_| {},
            &request("R1", Some("K0"), 5_000),
            Some(Fault::Refused),
            "kesm K0 is not to be relied on: it refused an order; at most 0.0 kW",
        );
        let held = |world: &mut World| {
            let (actor, reason) = ("anna".into(), "inspection".into());
            let operation = Operation { request: None, actor, reason, action: Action::Hold(DeviceId::Kesm(KesmId(0))) };
            assert!(matches!(world.commit(Command::Operation(operation)), Effect::Admitted { .. }));
        };
        let asked = request("R1", Some("K0"), 5_000);
        check(held, &asked, None, "kesm K0 is held by an operator; at most 0.0 kW");
    }

    fn asked(world: &mut World, request: u128, actor: &str, action: Action) -> Result<(), String> {
        let request = Some(RequestId(request));
        let operation = Operation { request, actor: actor.into(), reason: "a test".into(), action };
        let site = world.ledger.site().clone();
        let checked = super::check(&world.ledger, &operation);
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
            super::check(&world.ledger, &operation).map_err(|refusal| refusal.describe(world.ledger.site()))
        };
        assert_eq!(refused(" ", Action::ManualOn), Err("the actor must have 1 to 256 bytes".into()));
        assert_eq!(refused("anna", Action::End(RackId(1))), Err("rack R1 has no transfer".into()));
        let tie = DeviceId::Tie(crate::site::TieId(77));
        assert_eq!(refused("anna", Action::Hold(tie)), Err("the site has no device 0x3004d (not of this site)".into()));
        assert_eq!(refused("anna", Action::ManualOn), Ok(()));
    }

    #[test]
    fn the_most_that_is_admitted_is_found_to_the_watt() {
        let found = |most: i64, admitted: i64| {
            let mut found = Watts::new(most);
            let any = bisect(&mut found, |watts| watts.get() <= admitted);
            (found.get(), any)
        };
        assert_eq!(found(1_000, 1_000), (1_000, true));
        assert_eq!(found(1_000, 999), (999, true));
        assert_eq!(found(1_000, 701), (701, true));
        assert_eq!(found(1_000, 1), (1, true));
        assert_eq!(found(1_000, 0), (0, false));
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

    #[test]
    fn what_single_failures_allow_is_offered_where_more_could_be_delivered() {
        use crate::device::Reading;
        use crate::units::Millivolts;
        let hot = |world: &mut World| {
            let (load, bus) = (Watts::new(24_000), Millivolts::new(800_000));
            let reading = Reading::Pdu { load, draw: load, bus, breaker_permille: 900, tripped: false };
            world.view.observe(world.ledger.site(), DeviceId::Pdu(RackId(0)), reading, world.now);
        };
        let expected = "without K0, rack R0 would draw 44.7 kW of 24.0 kW, which its breaker bears for 1500 ms; \
                        at most 12.9 kW";
        check(hot, &request("R1", Some("K0"), 20_000), None, expected);
    }

    #[test]
    fn a_request_replaces_the_racks_own_transfer_and_leaves_the_others() {
        let helped = |rack: usize| {
            move |world: &mut World| {
                world.forecasts[rack] = crate::example::forecast(42_000);
                world.tick();
            }
        };
        check(helped(1), &request("R1", Some("K0"), 20_000), None, "admitted: K0 via T0");
        // T0 passes on to R2 what it is helped with.
        let expected = "tie T0 at 39.9 kW, rated 25.0 kW; at most 4.8 kW";
        check(helped(2), &request("R1", Some("K0"), 20_000), None, expected);
    }

    #[test]
    fn what_an_empty_module_would_need_is_told_for_just_what_was_asked() {
        let empty = |world: &mut World| world.stored(0, 600_000);
        let expected = "K0 stores 600000 J, its transfers and reserve need 772750 J; at most 0.0 kW";
        check(empty, &request("R0", Some("K0"), 20_000), None, expected);
    }

    #[test]
    fn what_was_found_for_a_request_is_carried_out_by_the_ledger_with_the_evidence_that_it_brings() {
        let mut world = World::new();
        let found = world.with_inputs(&|_| None, |inputs| propose_transfer(inputs, &request("R1", None, 8_000)));
        let action = found.expect("admitted");
        assert_eq!(asked(&mut world, 1, "anna", action), Ok(()));
        assert_eq!(world.granted(1).get(), 8_000);
        assert!(world.ledger.load(RackId(0)).is_some() && world.ledger.load(RackId(1)).is_some());
    }

    #[test]
    fn where_others_use_the_way_up_it_is_named() {
        let full = |world: &mut World| {
            world.stored(1, 600_000);
            (world.forecasts[2], world.forecasts[3]) =
                (crate::example::forecast(42_000), crate::example::forecast(42_000));
            world.tick();
        };
        check(full, &request("R1", Some("K0"), 5_000), None, "tie T0 at 29.8 kW, rated 25.0 kW; at most 0.0 kW");
    }

    #[test]
    fn less_than_the_planner_would_give_by_itself_is_found_for_whoever_asks() {
        check(|_| {}, &request("R1", None, 100), None, "admitted: K0 via T0");
    }
}
