mod state;

use proptest::prelude::*;

use super::*;
use crate::command::{Action, CapGrant, ModelRefused, Operation, Plan};
use crate::envelope;
use crate::example::{World, forecast};
use crate::model::{ModelAction, ModelFault, ModelId, ModelRefusal};
use crate::units::Watts;

fn with_transfer() -> World {
    let mut world = World::new();
    world.forecasts[2] = forecast(32_000);
    assert!(matches!(world.tick(), Some(Effect::Admitted { .. })));
    world
}

#[test]
fn nothing_is_carried_out_before_the_log_is_bound_to_a_site() {
    let mut world = World::new();
    world.ledger = Ledger::new(crate::example::site());
    let effect = world.commit(Command::Plan(Plan::default()));
    assert_eq!(effect, Effect::Refused(Refusal::one(Violation::NotFounded)));
}

#[test]
fn nothing_that_an_operator_asks_for_is_either() {
    let mut world = World::new();
    world.ledger = Ledger::new(crate::example::site());
    for action in [Action::ManualOn, Action::Hold(DeviceId::Pdu(RackId(0)))] {
        let (actor, reason) = ("mira".into(), "a test".into());
        let effect = world.commit(Command::Operation(Operation { request: None, actor, reason, action }));
        assert_eq!(effect, Effect::Refused(Refusal::one(Violation::NotFounded)));
    }
    assert!(!world.ledger.is_manual() && !world.ledger.is_held(DeviceId::Pdu(RackId(0))));
}

#[test]
fn a_log_is_bound_once_and_a_replica_with_another_site_file_stops() {
    let mut world = World::new();
    let again = Founding { cluster: [7; 16], site_hash: world.ledger.site().hash };
    let refused = Effect::Refused(Refusal::one(Violation::FoundedOtherwise));
    assert_eq!(world.commit(Command::Found(again)), refused);
    world.ledger = Ledger::new(crate::example::site());
    let effect = world.commit(Command::Found(Founding { cluster: [7; 16], site_hash: [0; 32] }));
    assert_eq!(effect, Effect::Diverged { index: 1 });
}

#[test]
fn time_comes_from_entries_and_ends_what_is_not_renewed() {
    let mut world = with_transfer();
    assert_eq!(world.ledger.transfers().count(), 1);
    world.pass(8_001);
    world.commit(Command::Plan(Plan::default()));
    assert_eq!(world.ledger.transfers().count(), 0);
    assert_eq!(world.ledger.orders().count(), 0, "the devices' orders expired with it");
    world.now = Millis::ZERO;
    world.commit(Command::Plan(Plan::default()));
    assert!(world.ledger.now() > Millis::new(8_000), "ledger time never goes back");
}

#[test]
fn a_refused_plan_changes_nothing_but_the_states_name() {
    let mut world = with_transfer();
    let before = world.ledger.parts();
    let mut plan = Plan::default();
    let mut grant = before.transfers[0].grant.clone();
    grant.legs[0].supplied = Watts::new(90_000);
    plan.grants.push(grant);
    assert!(matches!(world.commit(Command::Plan(plan)), Effect::Refused(_)));
    let after = world.ledger.parts();
    assert_eq!((before.transfers, before.orders), (after.transfers, after.orders));
    assert_ne!(before.last.hash, after.last.hash);
}

#[test]
fn a_snapshot_goes_on_like_the_original() {
    let mut world = with_transfer();
    let mut copy = Ledger::from_parts(crate::example::site(), world.ledger.parts());
    world.pass(5_000);
    let (position, entry) = {
        let plan = world.plan();
        world.entry(Command::Plan(plan))
    };
    assert_eq!(world.ledger.apply(position, &entry), copy.apply(position, &entry));
    assert_eq!(world.ledger.parts(), copy.parts());
}

#[test]
fn a_proposer_that_saw_another_state_is_found_out() {
    let mut world = with_transfer();
    let (position, mut entry) = world.entry(Command::Plan(Plan::default()));
    entry.seen.hash[0] ^= 1;
    assert_eq!(world.ledger.apply(position, &entry), Effect::Diverged { index: position.index - 1 });
}

#[test]
fn orders_are_complete_absolute_and_named_by_their_entry() {
    let world = with_transfer();
    let orders: Vec<Order> = world.ledger.orders().map(|order| *order.get()).collect();
    assert_eq!(orders.len(), 3, "the module and two ties");
    assert!(orders.iter().all(|order| order.index == world.ledger.seen().index && order.until.get() == 9_000));
}

fn model(version: u64) -> ModelId {
    ModelId { sha256: [7; 32], version }
}

fn about_models(world: &mut World, action: ModelAction) -> Effect {
    let operation =
        Operation { request: None, actor: "mira".into(), reason: "a test".into(), action: Action::Model(action) };
    world.commit(Command::Operation(operation))
}

#[test]
fn models_are_chosen_by_the_log_and_by_nothing_else() {
    let mut world = with_transfer();
    let orders = |world: &World| world.ledger.orders().map(|order| *order.get()).collect::<Vec<_>>();
    let before = orders(&world);
    assert_eq!(about_models(&mut world, ModelAction::Shadow(model(2))), Effect::Admitted { orders: 0 });
    let promote = ModelAction::Promote { model: model(2), minimum: Some(2) };
    assert_eq!(about_models(&mut world, promote), Effect::Admitted { orders: 0 });
    let refusal = ModelRefusal::BelowMinimum { model: model(1), minimum: 2 };
    let refused = Effect::Refused(Refusal::one(Violation::Model(refusal)));
    assert_eq!(about_models(&mut world, ModelAction::Shadow(model(1))), refused);
    assert_eq!(world.ledger.models().active, Some(model(2)));
    assert_eq!(orders(&world), before, "no order changes because a model does");
    let note = ModelRefused { model: Some(model(2)), fault: ModelFault::Missing };
    assert_eq!(world.commit(Command::ModelRefused(note)), Effect::Noted);
    let replay = crate::audit::replay(crate::example::site(), world.entries.clone());
    assert_eq!((replay.divergence, replay.ledger.parts()), (None, world.ledger.parts()));
}

/// The state's name tells models apart in every part, and a snapshot goes on with them.
#[test]
fn the_states_name_tells_models_apart() {
    let named = |change: &dyn Fn(&mut Models)| {
        let world = with_transfer();
        let mut parts = world.ledger.parts();
        change(&mut parts.models);
        let mut ledger = Ledger::from_parts(crate::example::site(), parts);
        let (position, entry) = world.entry(Command::Plan(Plan::default()));
        ledger.apply(position, &entry);
        ledger.seen().hash
    };
    let states = [
        named(&|_| {}),
        named(&|models| models.active = Some(model(1))),
        named(&|models| models.active = Some(model(2))),
        named(&|models| models.shadow = Some(model(1))),
        named(&|models| models.previous = Some(model(1))),
        named(&|models| models.minimum_version = 1),
    ];
    assert_eq!(states.iter().collect::<BTreeSet<_>>().len(), states.len());
}

/// A random day: loads, forecasts and stores jump; the ledger must stay within limits (it asserts I3 itself),
/// two ledgers must agree, and a replay must reproduce every state.
#[derive(Clone, Debug)]
enum Step {
    Load(u16, i64),
    Forecast(u16, i64),
    Stored(u16, i64),
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6u16, 0..70_000i64).prop_map(|(rack, watts)| Step::Load(rack, watts)),
        (0..6u16, 0..70_000i64).prop_map(|(rack, watts)| Step::Forecast(rack, watts)),
        (0..2u16, 0..2_000_000i64).prop_map(|(kesm, joules)| Step::Stored(kesm, joules)),
        (1..6_000i64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(crate::cases::config())]

    #[test]
    fn every_plan_is_admitted_and_every_replay_agrees(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Load(rack, watts) => world.load(rack, watts),
                Step::Forecast(rack, watts) => world.forecasts[usize::from(rack)] = forecast(watts),
                Step::Stored(kesm, joules) => world.stored(kesm, joules),
                Step::Pass(span) => world.pass(span),
            }
            let effect = world.tick();
            prop_assert!(!matches!(effect, Some(Effect::Refused(_) | Effect::Diverged { .. })), "{effect:?}");
        }
        let replay = crate::audit::replay(crate::example::site(), world.entries.clone());
        prop_assert_eq!(replay.divergence, None);
        prop_assert_eq!(replay.ledger.parts(), world.ledger.parts());
    }
}

#[test]
fn a_cap_ends_at_its_time_and_lasts_ten_minutes_at_most() {
    let hold = |hold| {
        let mut world = World::new();
        let rack = RackId(1);
        let cap = CapGrant {
            rack,
            cap: Watts::new(30_000),
            keep_tiers: crate::site::TIER_MAX,
            reason: crate::command::CapReason::RackUncovered,
            hold: Millis::new(hold),
        };
        let effect = world.commit(Command::Plan(Plan { caps: vec![cap], ..Plan::default() }));
        matches!(effect, Effect::Admitted { .. }).then_some(world)
    };
    let longest = envelope::HOLD_MAX.get();
    let world = hold(longest).expect("admitted");
    assert!(hold(longest + 1).is_none() && hold(0).is_none());
    let capped = |after: i64| world.ledger.at(world.now.saturating_add(Millis::new(after))).cap(RackId(1)).is_some();
    assert!(capped(longest - 1) && !capped(longest));
}

/// A cap of 30 kW on each of these racks.
fn capped(racks: &[u16]) -> Command {
    let cap = |rack: &u16| CapGrant {
        rack: RackId(*rack),
        cap: Watts::new(30_000),
        keep_tiers: crate::site::TIER_MAX,
        reason: crate::command::CapReason::RackUncovered,
        hold: Millis::seconds(8),
    };
    Command::Plan(Plan { caps: racks.iter().map(cap).collect(), ..Plan::default() })
}

#[test]
fn a_plan_names_what_is_there_and_names_it_once() {
    let refused = |racks: &[u16]| match World::new().commit(capped(racks)) {
        Effect::Refused(refusal) => refusal.violations,
        _ => Vec::new(),
    };
    assert_eq!(refused(&[0, 5]), []);
    assert!(refused(&[0, 5, 0]).contains(&Violation::Twice { what: "rack", index: 0 }));
    assert!(refused(&[6]).contains(&Violation::Unknown { what: "rack", index: 6 }));
}

#[test]
fn nothing_is_capped_in_manual_mode() {
    let mut world = World::new();
    let operation =
        Operation { request: None, actor: "anna".into(), reason: "works on the bus".into(), action: Action::ManualOn };
    world.commit(Command::Operation(operation));
    let Effect::Refused(refusal) = world.commit(capped(&[1])) else { panic!("admitted") };
    assert_eq!(refusal.violations, [Violation::Manual]);
}

#[test]
fn a_transfer_is_noted_when_all_its_devices_have_spoken() {
    let mut world = with_transfer();
    let transfer = world.ledger.transfer(RackId(2)).expect("granted").clone();
    let index = transfer.id.index;
    let said = |device: DeviceId| crate::command::TimedAck {
        ack: crate::device::Ack {
            device,
            fence: crate::device::Fence { term: 1, index },
            verdict: crate::device::Verdict::Executed,
            device_at: Millis::ZERO,
        },
        after_us: 1,
    };
    let devices: Vec<DeviceId> = transfer.devices().into_iter().collect();
    for (count, noted) in [(1, false), (devices.len() - 1, false), (devices.len(), true)] {
        let acks = devices[..count].iter().map(|device| said(*device)).collect();
        world.commit(Command::Outcome(Outcome { transfer: transfer.id, acks }));
        assert_eq!(world.ledger.transfer(RackId(2)).expect("in force").noted, noted, "{count} of {}", devices.len());
    }
}
