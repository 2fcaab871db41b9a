//! Whom a device obeys and what it has obeyed: the fence and the lease, as pure rules.
//!
//! Apart from the endpoint so that the model of `tests/models` checks the rules that ship.

use ridethrough_vocabulary::device::Fence;
use ridethrough_vocabulary::units::Millis;

use crate::limits::LEASE_MAX;

/// What a device knows when it judges an order or a beat. Times are on its own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Allegiance {
    /// The last accepted order's, as the memory has it.
    pub fence: Fence,
    /// The highest leader term in any believed beat or accepted order; not below the fence's.
    pub term: u64,
    /// When the lease ends.
    pub lease_until: Millis,
}

/// How an order's fence stands to what the device has accepted and heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bearing {
    /// From a replaced leader, or overtaken: it never moves the device.
    Past,
    /// The order that was accepted last: answered again, done once.
    Repeated,
    /// Above everything accepted: it may move the device.
    Ahead,
}

/// A beat of a leader that another has replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleBeat;

impl Allegiance {
    /// Of a device that has just booted with this fence in its memory: no lease, nobody heard.
    pub const fn remembered(fence: Fence) -> Self {
        Self { fence, term: fence.term, lease_until: Millis::ZERO }
    }

    /// The fence rule that survived model checking: the leader's term not below the last, the index above it.
    pub const fn judge(&self, order: Fence) -> Bearing {
        if order.term < self.term || order.index < self.fence.index {
            Bearing::Past
        } else if order.index == self.fence.index {
            Bearing::Repeated
        } else {
            Bearing::Ahead
        }
    }

    /// Whether the lease still lasts at `now`.
    pub fn holds_lease(&self, now: Millis) -> bool {
        self.lease_until > now
    }

    /// Takes in a leader's beat. A lease comes only from a leader that none has replaced; a beat says until when it was
    /// meant, so that one held back extends nothing, and a late one shortens nothing.
    pub fn renew(&mut self, term: u64, lease_until: Millis, now: Millis) -> Result<(), StaleBeat> {
        if term < self.term {
            return Err(StaleBeat);
        }
        self.term = term;
        self.lease_until = self.lease_until.max(lease_until.min(now.saturating_add(LEASE_MAX)));
        Ok(())
    }

    /// Takes over the fence of an order that the memory has stored.
    pub fn accept(&mut self, fence: Fence) {
        assert!(fence.term >= self.fence.term && fence.index >= self.fence.index, "I2: {fence} after {}", self.fence);
        self.fence = fence;
        self.term = self.term.max(fence.term);
    }
}

#[cfg(test)]
mod tests {
    use super::Bearing::{Ahead, Past, Repeated};
    use super::*;

    #[test]
    fn a_lease_is_over_when_its_time_has_come() {
        let mut heard = Allegiance::remembered(Fence { term: 2, index: 5 });
        heard.renew(2, Millis::new(900), Millis::new(100)).expect("nobody else leads");
        assert!(heard.holds_lease(Millis::new(899)) && !heard.holds_lease(Millis::new(900)));
    }

    #[test]
    fn an_order_must_not_be_of_an_older_leader_and_must_be_of_a_newer_entry() {
        let heard = Allegiance { term: 3, ..Allegiance::remembered(Fence { term: 2, index: 5 }) };
        let check = |term, index, bearing| assert_eq!(heard.judge(Fence { term, index }), bearing, "{term}.{index}");
        check(3, 4, Past);
        check(3, 5, Repeated);
        check(3, 6, Ahead);
        check(4, 4, Past);
        check(4, 5, Repeated);
        check(4, 6, Ahead);
        // The term of a beat counts, too.
        check(2, 5, Past);
        check(2, 6, Past);
    }
}
