//! Replays a log through the ledger, compares every state with what its proposers saw, and keeps what an auditor
//! asks for: what each entry did, and every order that was ever committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::command::{Action, Command, Entry, Grant, Outcome, Position, ReleaseReason, Seen, TransferId};
use crate::device::{DeviceId, Fence, Order, Setpoint};
use crate::ledger::{Effect, Ledger, Phase};
use crate::site::{RackId, Site};
use crate::units::Millis;

/// One entry and what it did.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// What it says.
    pub entry: Entry,
    /// What it did.
    pub effect: Effect,
    /// Ledger time after it.
    pub at: Millis,
    /// The ledger's state after it.
    pub after: Seen,
}

/// A whole log, replayed.
#[derive(Debug)]
pub struct Replay {
    /// Every entry of the ledger, in order.
    pub records: Vec<Record>,
    /// The ledger at the end.
    pub ledger: Ledger,
    /// So many states were compared with what a later proposer had seen.
    pub states_compared: usize,
    /// The first state that differs from what its proposer saw.
    pub divergence: Option<Divergence>,
    orders: BTreeMap<(DeviceId, u64), Order>,
    steps: BTreeMap<TransferId, Vec<Step>>,
}

/// One step of a transfer through its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The entry that brought it about, or that showed that it had come about.
    pub index: u64,
    /// Ledger time of the step.
    pub at: Millis,
    /// Where it led.
    pub state: State,
}

/// Where a transfer can be, once it was granted (see [`Phase`] for the picture).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In force, and so far.
    Phase(Phase),
    /// A later grant to the same rack took its place.
    Replaced {
        /// The transfer that did.
        by: TransferId,
    },
    /// It was ended, and its devices are being told.
    Releasing(ReleaseReason),
    /// Its devices have been told that it has ended, or their last orders have run out.
    Done,
    /// Nobody renewed it.
    Expired,
}

/// A state that is not what a proposer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The state's index.
    pub index: u64,
    /// The entry whose proposer saw it otherwise.
    pub told_by: u64,
}

/// What became of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was in force when the log ended.
    InForce,
    /// It was released by an entry.
    Released {
        /// The entry.
        index: u64,
        /// Why.
        reason: ReleaseReason,
    },
    /// A later grant to the same rack took its place.
    Replaced {
        /// The transfer that did.
        by: TransferId,
    },
    /// Nobody renewed it.
    Expired {
        /// Ledger time.
        at: Millis,
    },
}

/// Replays entries, which must be those committed, in order.
pub fn replay(site: Arc<Site>, entries: impl IntoIterator<Item = (Position, Entry)>) -> Replay {
    let mut replay = Replay {
        records: Vec::new(),
        ledger: Ledger::new(site),
        states_compared: 0,
        divergence: None,
        orders: BTreeMap::new(),
        steps: BTreeMap::new(),
    };
    for (position, entry) in entries {
        replay.take(position, entry);
    }
    replay
}

impl Replay {
    fn take(&mut self, position: Position, entry: Entry) {
        self.states_compared += usize::from(entry.seen.index > 0 && self.knows(entry.seen.index));
        let before = Standing::of(&self.ledger);
        let effect = self.ledger.apply(position, &entry);
        self.follow(&before, position.index);
        if let (Effect::Diverged { index }, None) = (&effect, self.divergence) {
            self.divergence = Some(Divergence { index: *index, told_by: position.index });
        }
        if matches!(effect, Effect::Admitted { .. }) {
            let new = self.ledger.orders().map(|order| *order.get()).filter(|order| order.index == position.index);
            self.orders.extend(new.map(|order| ((order.device, order.index), order)));
        }
        self.records.push(Record { position, entry, effect, at: self.ledger.now(), after: self.ledger.seen() });
    }

    /// Notes every transfer that is elsewhere than before.
    fn follow(&mut self, before: &Standing, index: u64) {
        let (now, after) = (self.ledger.now(), Standing::of(&self.ledger));
        for (&id, stood) in &before.transfers {
            if !after.transfers.contains_key(&id) {
                let (state, at) = self.left(id, stood, now);
                self.step(id, Step { index, at, state });
            }
        }
        for (&id, stands) in &after.transfers {
            if before.transfers.get(&id).is_none_or(|stood| stood.phase != stands.phase) {
                self.step(id, Step { index, at: now, state: State::Phase(stands.phase) });
            }
        }
        for id in before.closings.iter().filter(|id| !after.closings.contains(id)) {
            self.step(*id, Step { index, at: now, state: State::Done });
        }
    }

    /// Where a transfer went that is in force no longer, and when.
    fn left(&self, id: TransferId, stood: &Stood, now: Millis) -> (State, Millis) {
        if stood.until <= now {
            return (State::Expired, stood.until);
        }
        let closing = self.ledger.closings().iter().find(|closing| closing.transfer == id);
        let by = || self.ledger.transfer(stood.rack).map_or(id, |transfer| transfer.id);
        (closing.map_or_else(|| State::Replaced { by: by() }, |closing| State::Releasing(closing.reason)), now)
    }

    fn step(&mut self, id: TransferId, step: Step) {
        self.steps.entry(id).or_default().push(step);
    }

    fn knows(&self, index: u64) -> bool {
        self.records.binary_search_by_key(&index, |record| record.position.index).is_ok()
    }

    /// The record of one entry.
    pub fn record(&self, index: u64) -> Option<&Record> {
        let place = self.records.binary_search_by_key(&index, |record| record.position.index).ok()?;
        self.records.get(place)
    }

    /// The orders that one entry gave rise to.
    pub fn orders_of(&self, index: u64) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(move |order| order.index == index)
    }

    /// Every order that was ever committed.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// Whether what a device did was committed (I1): an order for that device with just this instruction came from
    /// the entry that its fence names, of the term that it names, and no earlier leader than the entry's sent it.
    pub fn was_committed(&self, device: DeviceId, fence: Fence, entry_term: u64, setpoint: &Setpoint) -> bool {
        self.orders
            .get(&(device, fence.index))
            .is_some_and(|order| order.setpoint == *setpoint && order.term == entry_term && fence.term >= order.term)
    }

    /// The outcome that was logged for a transfer.
    pub fn outcome(&self, transfer: TransferId) -> Option<(&Record, &Outcome)> {
        self.records.iter().find_map(|record| match &record.entry.command {
            Command::Outcome(outcome) if outcome.transfer == transfer => Some((record, outcome)),
            _ => None,
        })
    }

    /// The way of a transfer through its states, from the entry that granted it; empty when there is no admitted grant
    /// of that name.
    pub fn steps(&self, transfer: TransferId) -> &[Step] {
        self.steps.get(&transfer).map_or(&[], Vec::as_slice)
    }

    /// Every transfer's step that came with this entry.
    pub fn steps_of(&self, index: u64) -> impl Iterator<Item = (TransferId, &Step)> {
        let all = self.steps.iter().flat_map(|(id, steps)| steps.iter().map(|step| (*id, step)));
        all.filter(move |(_, step)| step.index == index)
    }

    /// How a transfer ended; `None` when there is no admitted grant of that name.
    pub fn ending(&self, transfer: TransferId) -> Option<Ending> {
        let end = self.steps(transfer).iter().rev().find_map(|step| match step.state {
            State::Replaced { by } => Some(Ending::Replaced { by }),
            State::Releasing(reason) => Some(Ending::Released { index: step.index, reason }),
            State::Expired => Some(Ending::Expired { at: step.at }),
            State::Phase(_) | State::Done => None,
        });
        end.or_else(|| self.steps.contains_key(&transfer).then_some(Ending::InForce))
    }
}

impl Record {
    /// The grants that it makes, or would have made: a plan's, or an operator's one. The place of one here is the place
    /// in its [`TransferId`].
    pub fn grants(&self) -> &[Grant] {
        match &self.entry.command {
            Command::Plan(plan) => &plan.grants,
            Command::Operation(operation) => match &operation.action {
                Action::Transfer(grant, ..) => std::slice::from_ref(grant),
                _ => &[],
            },
            Command::Found(_)
            | Command::Outcome(_)
            | Command::ModelRefused(_)
            | Command::Forecasts(_)
            | Command::Alarms(_) => &[],
        }
    }

    /// Whether it was carried out.
    pub const fn admitted(&self) -> bool {
        matches!(self.effect, Effect::Admitted { .. })
    }
}

/// What a ledger holds of transfers, to be compared with what it holds after the next entry.
struct Standing {
    transfers: BTreeMap<TransferId, Stood>,
    closings: Vec<TransferId>,
}

struct Stood {
    rack: RackId,
    phase: Phase,
    until: Millis,
}

impl Standing {
    fn of(ledger: &Ledger) -> Self {
        let stood = ledger.transfers().map(|transfer| {
            let (rack, phase, until) = (transfer.grant.rack, transfer.phase, transfer.until);
            (transfer.id, Stood { rack, phase, until })
        });
        let closings = ledger.closings().iter().map(|closing| closing.transfer).collect();
        Self { transfers: stood.collect(), closings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Operation, Plan, Release, TimedAck};
    use crate::device::{Ack, Verdict};
    use crate::example::{World, forecast, site};

    fn with_transfer() -> (World, TransferId) {
        let mut world = World::new();
        world.forecasts[2] = forecast(32_000);
        assert!(matches!(world.tick(), Some(Effect::Admitted { .. })));
        let id = world.ledger.transfer(RackId(2)).expect("granted").id;
        (world, id)
    }

    fn operate(world: &mut World, action: Action) -> Effect {
        world.commit(Command::Operation(Operation {
            request: None,
            actor: "mira".into(),
            reason: "a test".into(),
            action,
        }))
    }

    /// The devices of the transfer's grant that `of` names say that they act.
    fn hear(world: &mut World, id: TransferId, of: impl Fn(DeviceId) -> bool) {
        let replay = replay(site(), world.entries.clone());
        let grant = &replay.record(id.index).expect("there").grants()[usize::from(id.nth)];
        let fence = Fence { term: 1, index: id.index };
        let ack = |device| Ack { device, fence, verdict: Verdict::Executed, device_at: Millis::ZERO };
        let acks =
            grant.devices().filter(|device| of(*device)).map(|device| TimedAck { ack: ack(device), after_us: 1 });
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
        ends(|world| {
            Action::Hold(world.ledger.transfer(RackId(2)).expect("granted").grant.devices().next().expect("one"))
        });
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
        let committed = |term, entry_term, setpoint: &Setpoint| {
            replay.was_committed(order.device, fence(term), entry_term, setpoint)
        };
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
}
