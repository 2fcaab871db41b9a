//! What devices are told: orders of whoever leads, endorsements of the others.

use ridethrough_core::command::Command;
use ridethrough_link::ToLink;
use ridethrough_protocol::Orders;

use super::ControlThread;

impl ControlThread {
    /// Says what stands.
    pub(super) fn command(&mut self) {
        if let Some(term) = self.leadership.acting() {
            self.send_orders(term);
            self.note_outcomes();
        } else if self.parts.orders == Orders::TwoOfThree {
            self.endorse_orders();
        }
    }

    fn send_orders(&mut self, term: u64) {
        let (link, counters) = (&self.parts.link, &mut self.counters);
        self.control.send_orders(self.clock.now(), &mut |order, valid_for| {
            let taken = link.send(ToLink::Order { order: *order, term, valid_for });
            counters.orders_sent += u64::from(taken);
            taken
        });
    }

    fn endorse_orders(&mut self) {
        let link = &self.parts.link;
        self.control.endorse_orders(self.clock.now(), &mut |order, valid_for| {
            link.send(ToLink::Endorse { order: *order, valid_for })
        });
    }

    fn note_outcomes(&mut self) {
        let now = self.clock.now();
        for outcome in self.control.outcomes(now) {
            let transfer = outcome.transfer;
            self.decisions.note(&outcome);
            if self.send_proposal(Command::Outcome(outcome), now) {
                self.control.outcome_sent(transfer);
            }
        }
    }
}
