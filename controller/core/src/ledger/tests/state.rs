//! What stands in a ledger: when it ends, what names it, what a snapshot and an auditor keep of it.

use super::*;
use crate::alarm::{AlarmKey, AlarmKind, Subject};
use crate::command::{CapReason, RackLoad, ReleaseReason};
use crate::device::{GeneratorDuty, Setpoint};
use crate::drill::{DrillNote, DrillStage};
use crate::site::{TIER_MAX, TieId};

const UNTIL: Millis = Millis::seconds(5);

fn alarmed() -> Parts {
    let key = AlarmKey { kind: AlarmKind::RackOverLimit, subject: Subject::Rack(RackId(1)) };
    let mut world = World::new();
    world.commit(Command::Alarms(AlarmNote { raised: vec![key], cleared: Vec::new() }));
    world.ledger.parts()
}

fn drill() -> DrillRun {
    let note = DrillNote { drill: "leader-loss".into(), seed: 7, stage: DrillStage::Begun };
    DrillRun { note, actor: "anna".into(), index: 2, began: Millis::ZERO, ended: None }
}

/// One of everything that ends, all at the same time.
fn ending() -> Parts {
    let mut parts = with_transfer().ledger.parts();
    let transfer = &mut parts.transfers[0];
    transfer.until = UNTIL;
    let (id, rack) = (transfer.id, RackId(5));
    parts.orders.iter_mut().for_each(|order| order.until = UNTIL);
    let devices = Vec::new();
    parts.closings = vec![Closing { transfer: id, rack, reason: ReleaseReason::Operator, devices, until: UNTIL }];
    parts.charges = vec![(KesmId(0), Charge { charge_max: Watts::new(1_000), until: UNTIL })];
    let reason = CapReason::RackUncovered;
    let cap = Cap { cap: Watts::new(30_000), keep_tiers: TIER_MAX, reason, since: Millis::ZERO, until: UNTIL };
    parts.caps = vec![(RackId(1), cap)];
    parts.sheds = vec![(RackId(3), Shedding { cap: Watts::new(30_000), until: UNTIL })];
    parts.generators = vec![(FeedId(0), GeneratorRule { duty: GeneratorDuty::Run, until: UNTIL })];
    parts
}

/// How many of each are left.
fn counts(ledger: &Ledger) -> [usize; 7] {
    let parts = ledger.parts();
    [
        parts.transfers.len(),
        parts.orders.len().min(1),
        parts.closings.len(),
        parts.charges.len(),
        parts.caps.len(),
        parts.sheds.len(),
        parts.generators.len(),
    ]
}

#[test]
fn everything_that_ends_does_so_at_its_time_and_not_before() {
    let ledger = Ledger::from_parts(crate::example::site(), ending());
    assert_eq!(counts(&ledger.at(UNTIL.saturating_sub(Millis::new(1)))), [1; 7]);
    assert_eq!(counts(&ledger.at(UNTIL)), [0; 7]);
}

#[test]
fn a_ledger_of_which_nothing_has_ended_is_itself() {
    let ledger = Arc::new(Ledger::from_parts(crate::example::site(), ending()));
    let same = |now| Arc::ptr_eq(&ledger, &ledger.as_of(now));
    assert!(same(Millis::ZERO) && same(ledger.now()) && same(UNTIL.saturating_sub(Millis::new(1))));
    assert!(!same(UNTIL));
    assert_eq!(counts(&ledger.as_of(UNTIL)), [0; 7]);
    // One that ends alone is enough.
    let mut parts = with_transfer().ledger.parts();
    parts.sheds = ending().sheds;
    let ledger = Arc::new(Ledger::from_parts(crate::example::site(), parts));
    assert!(!Arc::ptr_eq(&ledger, &ledger.as_of(UNTIL)) && ledger.as_of(UNTIL).transfers().count() == 1);
}

#[test]
fn a_snapshot_holds_one_of_everything() {
    let parts = ending();
    let again = Ledger::from_parts(crate::example::site(), parts.clone()).parts();
    assert_eq!(again, parts);
    assert_eq!(again.caps.len() + again.sheds.len() + again.charges.len() + again.generators.len(), 4);
}

#[test]
fn the_states_name_tells_apart_what_people_asked_for_and_what_they_were_told() {
    let named = |change: &dyn Fn(&mut Parts)| {
        let world = with_transfer();
        let mut parts = world.ledger.parts();
        // A lock is on a device that is held.
        parts.held = vec![DeviceId::Pdu(RackId(5))];
        change(&mut parts);
        let mut ledger = Ledger::from_parts(crate::example::site(), parts);
        let (position, entry) = world.entry(Command::Plan(Plan::default()));
        ledger.apply(position, &entry);
        ledger.seen().hash
    };
    let shed = |rack, cap, until| (RackId(rack), Shedding { cap: Watts::new(cap), until: Millis::new(until) });
    let lock = |person: &str| (DeviceId::Pdu(RackId(5)), person.to_owned());
    let done = |request, index| CarriedOut { request: RequestId(request), index };
    let states = [
        named(&|_| {}),
        named(&|parts| parts.sheds = vec![shed(3, 30_000, 60_000)]),
        named(&|parts| parts.sheds = vec![shed(4, 30_000, 60_000)]),
        named(&|parts| parts.sheds = vec![shed(3, 30_001, 60_000)]),
        named(&|parts| parts.sheds = vec![shed(3, 30_000, 60_001)]),
        named(&|parts| parts.locks = vec![lock("anna")]),
        named(&|parts| parts.locks = vec![lock("mira")]),
        named(&|parts| parts.requests = vec![done(1, 2)]),
        named(&|parts| parts.requests = vec![done(2, 2)]),
        named(&|parts| parts.requests = vec![done(1, 1)]),
        named(&|parts| parts.drills = vec![drill()]),
        named(&|parts| parts.drills = vec![DrillRun { ended: Some(Millis::seconds(1)), ..drill() }]),
        named(&|parts| parts.alarms = alarmed().alarms),
        named(&|parts| parts.manual = true),
    ];
    assert_eq!(states.iter().collect::<BTreeSet<_>>().len(), states.len());
}

#[test]
fn the_last_thousand_states_can_be_compared() {
    let mut world = World::new();
    (0..1_100).for_each(|_| drop(world.commit(Command::Plan(Plan::default()))));
    let recent = world.ledger.parts().recent;
    assert_eq!((recent.len(), recent.last().copied()), (1_024, Some(world.ledger.seen())));
}

#[test]
fn an_outcome_tells_no_more_acks_than_a_transfer_has_devices() {
    let mut world = with_transfer();
    let transfer = world.ledger.transfer(RackId(2)).expect("granted").id;
    let ack = crate::command::TimedAck {
        ack: crate::device::Ack {
            device: DeviceId::Kesm(KesmId(0)),
            fence: crate::device::Fence { term: 1, index: transfer.index },
            verdict: crate::device::Verdict::Executed,
            device_at: Millis::ZERO,
        },
        after_us: 1,
    };
    let mut told = |count| world.commit(Command::Outcome(Outcome { transfer, acks: vec![ack; count] }));
    assert_eq!(told(ACKS_MAX), Effect::Noted);
    let many = Violation::TooMany { what: "acks", max: ACKS_MAX };
    assert_eq!(told(ACKS_MAX + 1), Effect::Refused(Refusal::one(many)));
}

fn end(world: &mut World, rack: RackId) -> Effect {
    let action = Action::End(rack);
    world.commit(Command::Operation(Operation { request: None, actor: "anna".into(), reason: "a test".into(), action }))
}

#[test]
fn what_racks_may_take_is_kept_while_a_transfer_touches_them() {
    let mut world = with_transfer();
    let told = |world: &World| -> Vec<u16> {
        let site = world.ledger.site();
        site.rack_ids().filter(|rack| world.ledger.load(*rack).is_some()).map(|rack| rack.0).collect()
    };
    assert_eq!(told(&world), [0, 1, 2], "the source's rack, the one between, and the one that is helped");
    assert_eq!(world.ledger.load(RackId(2)).map(|load| load.peak.get()), Some(32_000));
    assert!(matches!(end(&mut world, RackId(2)), Effect::Admitted { .. }));
    let load = RackLoad { rack: RackId(4), peak: Watts::new(9_000), heat_permille: 0 };
    world.commit(Command::Plan(Plan { loads: vec![load], ..Plan::default() }));
    assert_eq!(told(&world), [0u16; 0], "nothing touches any");
}

#[test]
fn a_transfer_that_is_only_renewed_goes_on_as_it_is() {
    let phase_after = |change: &dyn Fn(&mut crate::command::Grant)| {
        let mut world = with_transfer();
        let mut parts = world.ledger.parts();
        parts.transfers[0].phase = Phase::Held;
        let mut grant = parts.transfers[0].grant.clone();
        world.ledger = Ledger::from_parts(crate::example::site(), parts);
        change(&mut grant);
        let stored =
            vec![crate::command::StoredEnergy { kesm: KesmId(0), stored: crate::units::Joules::new(1_990_000) }];
        let effect = world.commit(Command::Plan(Plan { grants: vec![grant], stored, ..Plan::default() }));
        assert!(matches!(effect, Effect::Admitted { .. }), "{effect:?}");
        world.ledger.transfer(RackId(2)).expect("in force").phase
    };
    assert_eq!(phase_after(&|_| {}), Phase::Held);
    assert_eq!(phase_after(&|grant| grant.help_above = Watts::new(20_000)), Phase::Supplying);
    assert_eq!(phase_after(&|grant| grant.legs[0].supplied = Watts::new(15_000)), Phase::Supplying);
}

#[test]
fn tiers_are_shut_down_since_they_were_shut_down_as_they_are() {
    let mut world = World::new();
    let mut since = |keep_tiers, cap| {
        world.pass(1_000);
        let (rack, cap) = (RackId(1), Watts::new(cap));
        let grant = CapGrant { rack, cap, keep_tiers, reason: CapReason::TimeLeft, hold: Millis::seconds(8) };
        let effect = world.commit(Command::Plan(Plan { caps: vec![grant], ..Plan::default() }));
        assert!(matches!(effect, Effect::Admitted { .. }), "{effect:?}");
        world.ledger.cap(RackId(1)).expect("capped").since.get()
    };
    assert_eq!([since(2, 42_000), since(2, 40_000), since(1, 40_000), since(1, 40_000)], [2_000, 2_000, 4_000, 4_000]);
}

#[test]
fn devices_are_told_the_draw_above_which_their_rack_is_helped() {
    let mut world = with_transfer();
    let told = |world: &World, device| match world.ledger.order(device).map(|order| order.get().setpoint) {
        Some(Setpoint::Kesm { hold, .. } | Setpoint::Tie { hold, .. }) => hold.get(),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&world, DeviceId::Kesm(KesmId(0))), crate::example::HOLD, "R0 has no transfer of its own");
    let mut parts = world.ledger.parts();
    let mut grant = parts.transfers.remove(0).grant;
    grant.help_above = Watts::new(15_000);
    let stored = vec![crate::command::StoredEnergy { kesm: KesmId(0), stored: crate::units::Joules::new(1_990_000) }];
    world.commit(Command::Plan(Plan { grants: vec![grant], stored, ..Plan::default() }));
    assert_eq!(told(&world, DeviceId::Tie(TieId(1))), 15_000);
}

#[test]
fn drills_are_remembered_when_they_are_numbered() {
    let remembered = |request| {
        let mut world = World::new();
        let action = Action::Drill(drill().note);
        let operation = Operation { request, actor: "anna".into(), reason: "a test".into(), action };
        let effect = world.commit(Command::Operation(operation));
        assert!(matches!(effect, Effect::Admitted { .. }), "{effect:?}");
        world.ledger.drills().iter().map(|run| run.note.drill.clone()).collect::<Vec<_>>()
    };
    assert_eq!(remembered(Some(RequestId(1))), ["leader-loss"]);
    assert_eq!(remembered(None), [""; 0], "as in logs from before they were");
}

#[test]
#[should_panic(expected = "I3")]
fn a_state_outside_the_envelope_stops_the_replica() {
    let mut world = with_transfer();
    let mut parts = world.ledger.parts();
    parts.transfers[0].grant.legs[0].supplied = Watts::new(90_000);
    world.ledger = Ledger::from_parts(crate::example::site(), parts);
    world.commit(Command::Plan(Plan::default()));
}
