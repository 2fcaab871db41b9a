//! The way of every transfer through its states, from the entry that granted it to its end.

use std::collections::BTreeMap;

use crate::command::{ReleaseReason, TransferId};
use crate::ledger::{Ledger, Phase};
use crate::site::RackId;
use crate::units::Millis;

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

/// The ways of all transfers that were granted.
#[derive(Debug, Default)]
pub(super) struct Lifecycles(BTreeMap<TransferId, Vec<Step>>);

impl Lifecycles {
    /// Notes every transfer that is elsewhere after the entry of this index than it was before.
    pub(super) fn follow(&mut self, before: &Standing, ledger: &Ledger, index: u64) {
        let (now, after) = (ledger.now(), Standing::of(ledger));
        for (&id, stood) in &before.transfers {
            if !after.transfers.contains_key(&id) {
                let (state, at) = left(id, stood, ledger);
                self.step(id, Step { index, at, state });
            }
        }
        for (&id, stands) in &after.transfers {
            if before.transfers.get(&id).is_none_or(|stood| stood.phase != stands.phase) {
                self.step(id, Step { index, at: now, state: State::Phase(stands.phase) });
            }
        }
        for &id in before.closings.iter().filter(|id| !after.closings.contains(id)) {
            self.step(id, Step { index, at: now, state: State::Done });
        }
    }

    fn step(&mut self, id: TransferId, step: Step) {
        self.0.entry(id).or_default().push(step);
    }

    pub(super) fn steps(&self, transfer: TransferId) -> &[Step] {
        self.0.get(&transfer).map_or(&[], Vec::as_slice)
    }

    pub(super) fn steps_of(&self, index: u64) -> impl Iterator<Item = (TransferId, &Step)> {
        let all = self.0.iter().flat_map(|(id, steps)| steps.iter().map(|step| (*id, step)));
        all.filter(move |(_, step)| step.index == index)
    }

    pub(super) fn ending(&self, transfer: TransferId) -> Option<Ending> {
        let end = self.steps(transfer).iter().rev().find_map(|step| match step.state {
            State::Replaced { by } => Some(Ending::Replaced { by }),
            State::Releasing(reason) => Some(Ending::Released { index: step.index, reason }),
            State::Expired => Some(Ending::Expired { at: step.at }),
            State::Phase(_) | State::Done => None,
        });
        end.or_else(|| self.0.contains_key(&transfer).then_some(Ending::InForce))
    }
}

/// Where a transfer went that is in force no longer, and when.
fn left(id: TransferId, stood: &Stood, ledger: &Ledger) -> (State, Millis) {
    let now = ledger.now();
    if stood.until <= now {
        return (State::Expired, stood.until);
    }
    let closing = ledger.closings().iter().find(|closing| closing.transfer == id);
    let by = || ledger.transfer(stood.rack).map_or(id, |transfer| transfer.id);
    (closing.map_or_else(|| State::Replaced { by: by() }, |closing| State::Releasing(closing.reason)), now)
}

/// What a ledger holds of transfers, to be compared with what it holds after the next entry.
pub(super) struct Standing {
    transfers: BTreeMap<TransferId, Stood>,
    closings: Vec<TransferId>,
}

struct Stood {
    rack: RackId,
    phase: Phase,
    until: Millis,
}

impl Standing {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let stood = ledger.transfers().map(|transfer| {
            let (rack, phase, until) = (transfer.grant.rack, transfer.phase, transfer.until);
            (transfer.id, Stood { rack, phase, until })
        });
        let closings = ledger.closings().iter().map(|closing| closing.transfer).collect();
        Self { transfers: stood.collect(), closings }
    }
}
