//! One order that its device has not answered, or one endorsement that it has not acted on, and when to say it next.

use ridethrough_core::device::{Fence, Order};
use ridethrough_core::units::Millis;

use crate::header::Kind;
use crate::limits::{RETRANSMIT_FIRST, RETRANSMIT_MAX};

/// One order with its schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    /// An order or an endorsement.
    pub(super) kind: Kind,
    pub(super) order: Order,
    /// Term of the leader that sends it; of an endorsement, the endorser's.
    pub(super) said_in_term: u64,
    /// When it is void, on the replica's clock.
    pub(super) until: Millis,
    /// When to send it next.
    pub(super) due: Millis,
    /// How often it was sent.
    pub(super) transmissions: u32,
    pause: Millis,
}

impl Outstanding {
    pub(super) const fn new(kind: Kind, order: Order, said_in_term: u64, now: Millis, until: Millis) -> Self {
        Self { kind, order, said_in_term, until, due: now, transmissions: 0, pause: RETRANSMIT_FIRST }
    }

    pub(super) const fn fence(&self) -> Fence {
        Fence { term: self.said_in_term, index: self.order.index }
    }

    /// Notes a transmission and plans the next: 5, 10, 20 … 200 ms apart, but not before `patience` is over.
    pub(super) fn sent(&mut self, now: Millis, patience: Millis) {
        self.transmissions = self.transmissions.saturating_add(1);
        self.due = now.saturating_add(self.pause.max(patience));
        self.pause = self.pause.saturating_add(self.pause).min(RETRANSMIT_MAX);
    }

    /// Sends it again at once: the device may have just become able to take it.
    pub(super) fn hurry(&mut self, now: Millis) {
        self.due = now;
        self.pause = RETRANSMIT_FIRST;
    }
}
