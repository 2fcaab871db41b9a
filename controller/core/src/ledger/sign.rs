//! The name of a ledger's state.

use super::{Effect, Ledger};
use crate::canon::Canon;
use crate::command::{Entry, Position, Seen};

/// So many of the latest states can be compared with what a proposer saw; an older one was compared long ago.
const RECENT_MAX: usize = 1_024;

impl Ledger {
    /// Chains the state's name on: what was before, what came in, what it did and what orders stand.
    pub(super) fn sign(&mut self, at: Position, entry: &Entry, effect: &Effect) {
        let mut canon = Canon::new(b"ridethrough ledger 2");
        canon.bytes(&self.last.hash);
        canon.position(&at);
        canon.entry(entry);
        canon.unsigned(match effect {
            Effect::Founded => 1,
            Effect::Admitted { .. } => 2,
            Effect::Refused(_) => 3,
            Effect::Noted => 4,
            Effect::Diverged { .. } => 5,
        });
        canon.count(self.transfers.len());
        for transfer in self.transfers.values() {
            canon.unsigned(transfer.phase as u64);
        }
        canon.count(self.closings.len());
        canon.count(self.modes.len());
        for (feed, mode) in &self.modes {
            canon.unsigned(u64::from(feed.0));
            canon.mode(mode.mode);
        }
        canon.unsigned(u64::from(self.manual));
        canon.count(self.held.len());
        for device in &self.held {
            canon.unsigned(u64::from(device.to_wire()));
        }
        canon.count(self.orders.len());
        for order in self.orders.values() {
            canon.order(order.get());
        }
        canon.models(&self.models);
        self.sign_sheds(&mut canon);
        self.alarms.sign(&mut canon);
        self.locks.sign(&mut canon);
        self.requests.sign(&mut canon);
        self.drills.sign(&mut canon);
        self.last = Seen { index: at.index, hash: canon.finish() };
        self.recent.push_back(self.last);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Nothing where there are none, as in logs from before they could be.
    fn sign_sheds(&self, canon: &mut Canon) {
        if self.sheds.is_empty() {
            return;
        }
        canon.words("sheds");
        canon.count(self.sheds.len());
        for (rack, shed) in &self.sheds {
            canon.unsigned(u64::from(rack.0));
            canon.millis(shed.until);
            canon.unsigned(shed.cap.get().unsigned_abs());
        }
    }
}
