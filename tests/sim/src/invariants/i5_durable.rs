//! I5, nothing committed is lost: what is applied would survive a power cut of every machine, and what was once committed
//! stays what it was, at every replica.

use super::{Finding, Held, MAJORITY};
use crate::replica::Applied;

/// An entry that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its term.
    pub term: u64,
}

/// All that was committed, in order.
#[derive(Default)]
pub struct Durable {
    known: Vec<Known>,
}

impl Durable {
    /// What was committed; the first has index 1.
    pub fn known(&self) -> &[Known] {
        &self.known
    }

    /// A replica has applied an entry; says whether it is the first to do so.
    pub fn applied(&mut self, replica: usize, applied: &Applied, held: Held) -> (Finding, bool) {
        let (name, index, term) = (replica + 1, applied.index, applied.item.term);
        let place = usize::try_from(index - 1).unwrap_or(usize::MAX);
        match self.known.get(place) {
            Some(known) if known.term != term => {
                (Err(format!("n{name}: entry {index} was of term {} and is of term {term}", known.term)), false)
            }
            Some(_) => (Ok(()), false),
            None if place > self.known.len() => {
                (Err(format!("n{name} applied entry {index} before those before it")), false)
            }
            None => {
                self.known.push(Known { term });
                let durably = held.durably;
                let safe = durably >= MAJORITY;
                let lost = || format!("n{name} applied entry {index}, which {durably} would have after a power cut");
                (safe.then_some(()).ok_or_else(lost), true)
            }
        }
    }
}
