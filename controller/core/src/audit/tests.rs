use super::*;
use crate::command::{Operation, Plan, Release, ReleaseReason, TimedAck};
use crate::device::{Ack, Verdict};
use crate::example::{World, forecast, site};
use crate::ledger::Phase;
use crate::site::RackId;

fn with_transfer() -> (World, TransferId) {
    let mut world = World::new();
    world.forecasts[2] = forecast(32_000);
    assert!(matches!(world.tick(), Some(Effect::Admitted { .. })));
    let id = world.ledger.transfer(RackId(2)).expect("granted").id;
    (world, id)
}

fn operate(world: &mut World, action: Action) -> Effect {
    world.commit(Command::Operation(Operation { request: None, actor: "mira".into(), reason: "a test".into(), action }))
}

/// The devices of the transfer's grant that `of` names say that they act.
fn hear(world: &mut World, id: TransferId, of: impl Fn(DeviceId) -> bool) {
    let replay = replay(site(), world.entries.clone());
    let grant = &replay.record(id.index).expect("there").grants()[usize::from(id.nth)];
    let fence = Fence { term: 1, index: id.index };
    let ack = |device| Ack { device, fence, verdict: Verdict::Executed, device_at: Millis::ZERO };
    let acks = grant.devices().filter(|device| of(*device)).map(|device| TimedAck { ack: ack(device), after_us: 1 });
    let outcome = Outcome { transfer: id, acks: acks.collect() };
    assert_eq!(world.commit(Command::Outcome(outcome)), Effect::Noted);
}

fn check(world: &World, id: TransferId, steps: &[State], ending: &Ending) {
    let replay = replay(site(), world.entries.clone());
    let found: Vec<State> = replay.steps(id).iter().map(|step| step.state).collect();
    assert_eq!(found, steps);
    assert_eq!(replay.ending(id).as_ref(), Some(ending));
}

#[test]
fn a_transfer_is_followed_from_state_to_state() {
    let (mut world, id) = with_transfer();
    let supplying = State::Phase(Phase::Supplying);
    check(&world, id, &[supplying], &Ending::InForce);
    hear(&mut world, id, |device| matches!(device, DeviceId::Kesm(_)));
    hear(&mut world, id, |_| true);
    let mut steps = vec![supplying, State::Phase(Phase::Drawing), State::Phase(Phase::Held)];
    check(&world, id, &steps, &Ending::InForce);
    let release = Release { rack: RackId(2), reason: ReleaseReason::AckMissing };
    world.commit(Command::Plan(Plan { releases: vec![release], ..Plan::default() }));
    let index = world.ledger.seen().index;
    steps.push(State::Releasing(ReleaseReason::AckMissing));
    let ending = Ending::Released { index, reason: ReleaseReason::AckMissing };
    check(&world, id, &steps, &ending);
    hear(&mut world, id, |_| true);
    steps.push(State::Done);
    check(&world, id, &steps, &ending);
}

#[test]
fn an_operators_end_or_hold_of_what_it_rests_on_ends_a_transfer() {
    let ends = |action: fn(&World) -> Action| {
        let (mut world, id) = with_transfer();
        let action = action(&world);
        assert!(matches!(operate(&mut world, action), Effect::Admitted { .. }));
        let (index, reason) = (world.ledger.seen().index, ReleaseReason::Operator);
        let steps = [State::Phase(Phase::Supplying), State::Releasing(reason)];
        check(&world, id, &steps, &Ending::Released { index, reason });
        let orders = replay(site(), world.entries.clone()).orders_of(index).count();
        assert!(orders > 0, "devices were told by the operation");
    };
    ends(|_| Action::End(RackId(2)));
    ends(|_| Action::Hold(DeviceId::Pdu(RackId(2))));
    ends(|world| Action::Hold(world.ledger.transfer(RackId(2)).expect("granted").grant.devices().next().expect("one")));
}

#[test]
fn what_does_not_concern_a_transfer_leaves_it_in_force() {
    let (mut world, id) = with_transfer();
    assert!(matches!(operate(&mut world, Action::End(RackId(5))), Effect::Refused(_)));
    operate(&mut world, Action::Hold(DeviceId::Pdu(RackId(5))));
    operate(&mut world, Action::ManualOn);
    check(&world, id, &[State::Phase(Phase::Supplying)], &Ending::InForce);
}

#[test]
fn an_operators_transfer_is_the_first_grant_of_its_entry() {
    let (mut world, first) = with_transfer();
    let transfer = world.ledger.transfer(RackId(2)).expect("granted").clone();
    let replay = replay(site(), world.entries.clone());
    let Command::Plan(plan) = &replay.record(first.index).expect("there").entry.command else { panic!("a plan") };
    let (stored, loads) = (plan.stored.clone(), plan.loads.clone());
    let effect = operate(&mut world, Action::Transfer(transfer.grant, stored, loads));
    assert!(matches!(effect, Effect::Admitted { .. }), "{effect:?}");
    let by = TransferId { index: world.ledger.seen().index, nth: 0 };
    let supplying = State::Phase(Phase::Supplying);
    check(&world, first, &[supplying, State::Replaced { by }], &Ending::Replaced { by });
    check(&world, by, &[supplying], &Ending::InForce);
}

#[test]
fn what_nobody_renews_expires_when_the_next_entry_says_so() {
    let (mut world, id) = with_transfer();
    let until = world.ledger.transfer(RackId(2)).expect("granted").until;
    world.pass(20_000);
    world.commit(Command::Plan(Plan::default()));
    check(&world, id, &[State::Phase(Phase::Supplying), State::Expired], &Ending::Expired { at: until });
    let never = TransferId { nth: 9, ..id };
    assert_eq!(replay(site(), world.entries.clone()).ending(never), None);
}

#[test]
fn what_a_device_did_was_committed_only_by_its_device_entry_term_and_words() {
    let (world, id) = with_transfer();
    let replay = replay(site(), world.entries.clone());
    let order = *replay.orders_of(id.index).next().expect("an order");
    let fence = |term| Fence { term, index: order.index };
    let committed =
        |term, entry_term, setpoint: &Setpoint| replay.was_committed(order.device, fence(term), entry_term, setpoint);
    assert!(committed(1, 1, &order.setpoint) && committed(2, 1, &order.setpoint), "a later leader may resend it");
    assert!(!committed(0, 1, &order.setpoint) && !committed(2, 2, &order.setpoint));
    assert!(!committed(1, 1, &Setpoint::Pdu { cap: crate::units::Watts::ZERO, keep_tiers: 1 }));
    assert_eq!(replay.orders().count(), replay.orders_of(id.index).count());
}

#[test]
fn an_outcome_is_that_of_its_own_transfer() {
    let (mut world, id) = with_transfer();
    hear(&mut world, id, |_| true);
    let replay = replay(site(), world.entries.clone());
    assert!(replay.outcome(id).is_some());
    assert!(replay.outcome(TransferId { nth: 9, ..id }).is_none());
}

#[test]
fn states_are_compared_that_the_log_has() {
    let (world, _) = with_transfer();
    assert_eq!(replay(site(), world.entries.clone()).states_compared, world.entries.len() - 1);
    let mut entries = world.entries;
    entries.last_mut().expect("some").1.seen.index = 77;
    assert_eq!(replay(site(), entries.clone()).states_compared, entries.len() - 2, "nobody knows that one");
}

#[test]
fn an_entry_tells_its_grants_its_steps_and_whether_it_was_carried_out() {
    let (mut world, id) = with_transfer();
    let grant = world.ledger.transfer(RackId(2)).expect("granted").grant.clone();
    operate(&mut world, Action::Resume(DeviceId::Pdu(RackId(0))));
    let asked = Action::Transfer(grant.clone(), Vec::new(), Vec::new());
    operate(&mut world, asked);
    let replay = replay(site(), world.entries.clone());
    let record = |index| replay.record(index).expect("there");
    assert_eq!(record(id.index).grants(), std::slice::from_ref(&grant));
    assert!(record(id.index).admitted());
    assert!(record(id.index + 1).grants().is_empty() && !record(id.index + 1).admitted(), "nobody held it");
    assert_eq!(record(id.index + 2).grants(), [grant], "what an operator asked for, carried out or not");
    let steps = |index| replay.steps_of(index).map(|(of, step)| (of, step.state)).collect::<Vec<_>>();
    assert_eq!(steps(id.index), [(id, State::Phase(Phase::Supplying))]);
    assert_eq!(steps(id.index + 1), []);
}

#[test]
fn the_first_state_that_a_proposer_saw_otherwise_is_told() {
    let (mut world, _) = with_transfer();
    for _ in 0..3 {
        world.commit(Command::Plan(Plan::default()));
    }
    assert_eq!(replay(site(), world.entries.clone()).divergence, None);
    let last = world.entries.len() - 1;
    for (_, entry) in &mut world.entries[last - 1..] {
        entry.seen.hash[0] ^= 1;
    }
    let told_by = world.entries[last - 1].0.index;
    let found = replay(site(), world.entries).divergence;
    assert_eq!(found, Some(Divergence { index: told_by - 1, told_by }));
}
