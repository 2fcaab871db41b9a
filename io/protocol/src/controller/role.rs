//! Who this replica is, and what it is to the devices at present.

use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

use crate::header::Kind;
use crate::nonce::SessionNonce;

/// Who this replica is in its present life.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) replica: ReplicaId,
    pub(super) session: SessionNonce,
}

/// What a replica is to the devices at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It only answers greetings: it knows no term, or its leave to lead has lapsed.
    Silent,
    /// It endorses, and says its term.
    Follows { term: u64 },
    /// It orders, and grants leases.
    Leads { term: u64, lease: Millis },
}

impl Role {
    /// The present term, zero for none.
    pub(super) const fn term(self) -> u64 {
        match self {
            Self::Silent => 0,
            Self::Follows { term } | Self::Leads { term, .. } => term,
        }
    }

    /// Whether it goes on saying something of this kind and term.
    pub(super) fn says(self, kind: Kind, term: u64) -> bool {
        self.order_kind() == Some(kind) && self.term() == term
    }

    /// What an outstanding order goes out as.
    pub(super) const fn order_kind(self) -> Option<Kind> {
        match self {
            Self::Silent => None,
            Self::Follows { .. } => Some(Kind::Endorsement),
            Self::Leads { .. } => Some(Kind::Order),
        }
    }
}
