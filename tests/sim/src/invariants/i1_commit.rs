//! I1, commit before actuate: what a replica applies stands in the logs of a majority, and what a device executes is of an
//! entry that was committed, in its term. Where devices demand the word of two replicas, two have applied it before.

use ridethrough_core::device::Fence;
use ridethrough_protocol::Orders;

use super::i5_durable::Known;
use super::{Finding, Held, MAJORITY};
use crate::replica::Applied;

/// Up to where each replica has ever applied the log, in any of its lives.
pub struct Commits {
    orders: Orders,
    applied: [u64; 3],
}

impl Commits {
    /// Of devices that demand so many replicas' word.
    pub const fn new(orders: Orders) -> Self {
        Self { orders, applied: [0; 3] }
    }

    /// A replica has applied an entry.
    pub fn applied(&mut self, replica: usize, applied: &Applied, held: Held) -> Finding {
        self.applied[replica] = self.applied[replica].max(applied.index);
        if held.in_logs >= MAJORITY {
            return Ok(());
        }
        let (index, logs) = (applied.index, held.in_logs);
        Err(format!("n{} applied entry {index}, which stands in the logs of {logs}", replica + 1))
    }

    /// A device has executed an order.
    pub fn executed(&self, name: &str, fence: Fence, entry_term: u64, committed: &[Known]) -> Finding {
        let place = usize::try_from(fence.index).unwrap_or(0).checked_sub(1);
        let known = place.and_then(|place| committed.get(place)).map(|known| known.term);
        if known != Some(entry_term) {
            let index = fence.index;
            return Err(format!("{name} executed entry {index} of term {entry_term}; committed there: {known:?}"));
        }
        let demanded = if self.orders == Orders::TwoOfThree { MAJORITY } else { 1 };
        let know = self.applied.iter().filter(|upto| **upto >= fence.index).count();
        if know < demanded {
            return Err(format!("{name} executed entry {} on the word of {demanded}; {know} know it", fence.index));
        }
        Ok(())
    }
}
