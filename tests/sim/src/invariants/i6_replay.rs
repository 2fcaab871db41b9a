//! I6, the log tells everything: a ledger that is replayed beside the replicas, each entry once, has the state that every
//! replica has after it, and that every proposer had seen before.

use std::sync::Arc;

use ridethrough_core::command::Position;
use ridethrough_core::ledger::{Effect, Ledger};
use ridethrough_core::site::Site;

use super::Finding;
use crate::replica::Applied;

/// The ledger beside the replicas, with the name of every state that it had.
pub struct Replay {
    ledger: Arc<Ledger>,
    /// After each entry.
    states: Vec<[u8; 32]>,
}

impl Replay {
    /// Before any entry.
    pub fn new(site: &Arc<Site>) -> Self {
        Self { ledger: Arc::new(Ledger::new(Arc::clone(site))), states: Vec::new() }
    }

    /// What the newest entry left.
    pub const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// A replica has applied an entry.
    pub fn applied(&mut self, replica: usize, applied: &Applied) -> Finding {
        let (name, index) = (replica + 1, applied.index);
        if let Some(Effect::Diverged { index: seen }) = applied.effect {
            return Err(format!("n{name}: the proposer of entry {index} had seen another state {seen}"));
        }
        let place = usize::try_from(index - 1).unwrap_or(usize::MAX);
        if place == self.states.len() {
            self.follow(applied);
        }
        // What came before those before it is I5's.
        match self.states.get(place) {
            Some(state) if *state != applied.hash => {
                Err(format!("n{name}: not the replayed state after entry {index}"))
            }
            _ => Ok(()),
        }
    }

    fn follow(&mut self, applied: &Applied) {
        let item = &applied.item;
        if let Some(entry) = &item.entry {
            let at = Position { term: item.term, leader: item.leader, index: applied.index };
            Arc::make_mut(&mut self.ledger).apply(at, entry);
        }
        self.states.push(self.ledger.seen().hash);
    }
}
