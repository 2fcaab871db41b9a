//! Replays a log through the ledger, compares every state with what its proposers saw, and keeps what an auditor
//! asks for: what each entry did, and every order that was ever committed.

mod lifecycle;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::lifecycle::{Ending, State, Step};
use self::lifecycle::{Lifecycles, Standing};
use crate::command::{Action, Command, Entry, Grant, Outcome, Position, Seen, TransferId};
use crate::device::{DeviceId, Fence, Order, Setpoint};
use crate::ledger::{Effect, Ledger};
use crate::site::Site;
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
    lifecycles: Lifecycles,
}

/// A state that is not what a proposer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The state's index.
    pub index: u64,
    /// The entry whose proposer saw it otherwise.
    pub told_by: u64,
}

/// Replays entries, which must be those committed, in order.
pub fn replay(site: Arc<Site>, entries: impl IntoIterator<Item = (Position, Entry)>) -> Replay {
    let mut replay = Replay {
        records: Vec::new(),
        ledger: Ledger::new(site),
        states_compared: 0,
        divergence: None,
        orders: BTreeMap::new(),
        lifecycles: Lifecycles::default(),
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
        self.lifecycles.follow(&before, &self.ledger, position.index);
        if let (Effect::Diverged { index }, None) = (&effect, self.divergence) {
            self.divergence = Some(Divergence { index: *index, told_by: position.index });
        }
        if matches!(effect, Effect::Admitted { .. }) {
            let new = self.ledger.orders().map(|order| *order.get()).filter(|order| order.index == position.index);
            self.orders.extend(new.map(|order| ((order.device, order.index), order)));
        }
        self.records.push(Record { position, entry, effect, at: self.ledger.now(), after: self.ledger.seen() });
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
        self.lifecycles.steps(transfer)
    }

    /// Every transfer's step that came with this entry.
    pub fn steps_of(&self, index: u64) -> impl Iterator<Item = (TransferId, &Step)> {
        self.lifecycles.steps_of(index)
    }

    /// How a transfer ended; `None` when there is no admitted grant of that name.
    pub fn ending(&self, transfer: TransferId) -> Option<Ending> {
        self.lifecycles.ending(transfer)
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
