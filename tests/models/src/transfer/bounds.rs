//! How far the model goes.

use super::log::LOG_MAX;
use super::wire::TERMS_MAX;

/// How far the model goes. Time, restarts, reboots, losses and repetitions have no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The highest term.
    pub terms: u8,
    /// Grants and releases in one log.
    pub acts: usize,
    /// Ticks that an order is valid.
    pub hold: u8,
    /// Ticks that a beat gives.
    pub lease: u8,
    /// Ticks that a follower's word binds it, and so a leader may rely on it.
    pub promise: u8,
    /// Whether leaders hand over.
    pub handovers: bool,
}

/// A failover in mid-transfer.
const FAILOVER: Bounds = Bounds { terms: 2, acts: 1, hold: 2, lease: 2, promise: 1, handovers: false };
/// A leader that hands over in mid-transfer.
const HANDOVER: Bounds = Bounds { lease: 1, handovers: true, ..FAILOVER };
/// A transfer that is released, and another after it.
const AGAIN: Bounds = Bounds { terms: 1, acts: 3, hold: 2, lease: 1, promise: 1, handovers: false };

/// What the test command explores: seconds.
pub const SLICE: &[Bounds] = &[FAILOVER, HANDOVER, AGAIN];

/// What the program explores: minutes. Two failovers, and a failover between two acts, each include the slice's failover.
pub const FULL: &[Bounds] = &[
    AGAIN,
    Bounds { hold: 3, handovers: true, ..FAILOVER },
    Bounds { terms: 3, ..FAILOVER },
    Bounds { acts: 2, ..FAILOVER },
];

impl Bounds {
    pub(super) fn check(&self) {
        let Self { terms, acts, hold, lease, promise, handovers: _ } = *self;
        let entries = usize::from(terms) + acts;
        assert!(terms > 0 && usize::from(terms) <= TERMS_MAX && entries <= LOG_MAX, "too large: {self:?}");
        assert!((1..7).contains(&lease) && (1..16).contains(&hold) && promise > 0, "out of range: {self:?}");
    }
}
