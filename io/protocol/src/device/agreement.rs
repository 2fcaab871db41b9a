//! How many replicas have spoken for a leader's term and for its order.
//!
//! A device may demand that two replicas say the same before it acts: the leader by its order, another by an
//! endorsement that it made of its own log. One stolen key, one lying leader or one flipped bit in a replica's memory
//! then moves nothing, and cannot make the device turn away from the true leader either, because a term counts only
//! when two have named it.

use ridethrough_vocabulary::units::Millis;

use crate::body::{Beat, OrderBody};
use crate::limits::REPLICAS_MAX;

/// How many replicas must agree before a device acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Orders {
    /// The leader alone is obeyed.
    #[default]
    One,
    /// The leader and another replica must have said the same.
    TwoOfThree,
}

impl Orders {
    const fn needed(self) -> usize {
        match self {
            Self::One => 1,
            Self::TwoOfThree => 2,
        }
    }
}

/// What each replica has said, by its place among the peers.
pub(super) struct Agreement {
    orders: Orders,
    /// The highest term that each has named.
    terms: [u64; REPLICAS_MAX],
    /// The newest order or endorsement of each.
    said: [Option<OrderBody>; REPLICAS_MAX],
    /// The newest order, with its sender, until it is answered.
    pending: Option<(usize, OrderBody)>,
    /// The newest beat that would renew the lease but for its term, with its sender.
    pending_beat: Option<(usize, Beat)>,
}

impl Agreement {
    pub(super) const fn new(orders: Orders) -> Self {
        Self { orders, terms: [0; REPLICAS_MAX], said: [None; REPLICAS_MAX], pending: None, pending_beat: None }
    }

    /// Notes that a replica is in this term.
    pub(super) fn name_term(&mut self, peer: usize, term: u64) {
        if let Some(named) = self.terms.get_mut(peer) {
            *named = (*named).max(term);
        }
    }

    /// The highest term that enough replicas have reached. Honest ones are in a leader's term when they have voted for
    /// it, and a majority has. Where one is enough, its own word is.
    pub(super) fn vouched_term(&self) -> u64 {
        if self.orders == Orders::One {
            return u64::MAX;
        }
        let reached = |term: u64| self.terms.iter().filter(|named| **named >= term).count() >= self.orders.needed();
        self.terms.iter().copied().filter(|term| reached(*term)).max().unwrap_or(0)
    }

    /// Notes a leader's order; it waits until [`Self::answered`].
    pub(super) fn ordered(&mut self, peer: usize, order: OrderBody) {
        if self.orders == Orders::TwoOfThree {
            self.endorsed(peer, order);
        }
        self.pending = Some((peer, order));
    }

    /// Notes a replica's endorsement.
    pub(super) fn endorsed(&mut self, peer: usize, order: OrderBody) {
        self.name_term(peer, order.fence.term);
        if let Some(said) = self.said.get_mut(peer) {
            *said = Some(order);
        }
    }

    /// Keeps a beat whose term too few have named.
    pub(super) fn keep_beat(&mut self, peer: usize, beat: Beat) {
        self.pending_beat = Some((peer, beat));
    }

    /// The kept beat, once enough replicas have named its term.
    pub(super) fn take_vouched_beat(&mut self) -> Option<Beat> {
        let (_, beat) = self.pending_beat.filter(|(_, beat)| beat.term <= self.vouched_term())?;
        self.pending_beat = None;
        Some(beat)
    }

    /// The order that waits, with its sender.
    pub(super) const fn pending(&self) -> Option<(usize, OrderBody)> {
        self.pending
    }

    /// The waiting order has found its answer.
    pub(super) fn answered(&mut self) {
        self.pending = None;
    }

    /// When an order is void, if enough replicas say the same; nothing while they do not. None of them can prolong
    /// what another one says.
    pub(super) fn expiry(&self, order: &OrderBody) -> Option<Millis> {
        if self.orders == Orders::One {
            return Some(order.expires_at);
        }
        let same = |said: &&OrderBody| {
            said.fence == order.fence && said.entry_term == order.entry_term && said.setpoint == order.setpoint
        };
        let agreed = self.said.iter().flatten().filter(same);
        let enough = agreed.clone().count() >= self.orders.needed();
        agreed.map(|said| said.expires_at).min().filter(|_| enough)
    }
}
