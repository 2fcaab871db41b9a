//! An order that its device has not answered yet.

use ridethrough_core::device::{Fence, Order};
use ridethrough_core::units::Millis;

use crate::limits::{RETRANSMIT_FIRST, RETRANSMIT_MAX};

/// One order with its schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub(super) order: Order,
    /// Term of the leader that sends it.
    pub(super) leader_term: u64,
    /// When it is void, on the replica's clock.
    pub(super) until: Millis,
    /// When to send it next.
    pub(super) due: Millis,
    pub(super) first_sent: Option<Millis>,
    pause: Millis,
}

impl Outstanding {
    pub(super) const fn new(order: Order, leader_term: u64, now: Millis, until: Millis) -> Self {
        Self { order, leader_term, until, due: now, first_sent: None, pause: RETRANSMIT_FIRST }
    }

    pub(super) const fn fence(&self) -> Fence {
        Fence { term: self.leader_term, index: self.order.index }
    }

    /// Notes a transmission and plans the next: 5, 10, 20 … 200 ms apart.
    pub(super) fn sent(&mut self, now: Millis) {
        self.first_sent = self.first_sent.or(Some(now));
        self.due = now.saturating_add(self.pause);
        self.pause = self.pause.saturating_add(self.pause).min(RETRANSMIT_MAX);
    }

    /// Sends it again at once: the device may have just become able to take it.
    pub(super) fn hurry(&mut self, now: Millis) {
        self.due = now;
        self.pause = RETRANSMIT_FIRST;
    }
}
