//! Replays a log through the ledger, compares every state with what its proposers saw, and keeps what an auditor
//! asks for: what each entry did, and every order that was ever committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::command::{Command, Entry, Outcome, Position, ReleaseReason, Seen, TransferId};
use crate::device::{DeviceId, Fence, Order, Setpoint};
use crate::ledger::{Effect, Ledger};
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
    };
    for (position, entry) in entries {
        replay.take(position, entry);
    }
    replay
}

impl Replay {
    fn take(&mut self, position: Position, entry: Entry) {
        self.states_compared += usize::from(entry.seen.index > 0 && self.knows(entry.seen.index));
        let effect = self.ledger.apply(position, &entry);
        if let (Effect::Diverged { index }, None) = (&effect, self.divergence) {
            self.divergence = Some(Divergence { index: *index, told_by: position.index });
        }
        if matches!(effect, Effect::Admitted { .. }) {
            let new = self.ledger.orders().map(|order| *order.get()).filter(|order| order.index == position.index);
            self.orders.extend(new.map(|order| ((order.device, order.index), order)));
        }
        self.records.push(Record { position, entry, effect, after: self.ledger.seen() });
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

    /// How a transfer ended; `None` when there is no admitted grant of that name.
    pub fn ending(&self, transfer: TransferId) -> Option<Ending> {
        let place = self.records.binary_search_by_key(&transfer.index, |record| record.position.index).ok()?;
        let granted = &self.records[place];
        let Command::Plan(plan) = &granted.entry.command else { return None };
        let grant = plan.grants.get(usize::from(transfer.nth)).filter(|_| admitted(granted))?;
        let until = granted.entry.stamp.at.saturating_add(grant.hold);
        for later in &self.records[place + 1..] {
            if later.entry.stamp.at >= until {
                return Some(Ending::Expired { at: until });
            }
            if let Some(ending) = ended_by(later, grant.rack) {
                return Some(ending);
            }
        }
        Some(Ending::InForce)
    }
}

fn admitted(record: &Record) -> bool {
    matches!(record.effect, Effect::Admitted { .. })
}

fn ended_by(record: &Record, rack: RackId) -> Option<Ending> {
    let Command::Plan(plan) = &record.entry.command else { return None };
    if !admitted(record) {
        return None;
    }
    let index = record.position.index;
    if let Some(release) = plan.releases.iter().find(|release| release.rack == rack) {
        return Some(Ending::Released { index, reason: release.reason });
    }
    let nth = plan.grants.iter().position(|grant| grant.rack == rack)?;
    Some(Ending::Replaced { by: TransferId { index, nth: u16::try_from(nth).unwrap_or(u16::MAX) } })
}
