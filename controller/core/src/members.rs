//! Who belongs to the cluster: what operators may wish for. Consensus carries it out; the ledger keeps the wish.

use std::net::SocketAddr;

use crate::device::ReplicaId;

/// What is to change in who belongs to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// The replica is no member any longer.
    Forget {
        /// Which.
        replica: ReplicaId,
        /// Whether it is forgotten even where it is alive and heard.
        although_alive: bool,
    },
    /// The replica becomes a member: it receives the log first, and votes once it has it.
    Add {
        /// Which.
        replica: ReplicaId,
        /// Where it listens for its peers.
        address: SocketAddr,
    },
}

impl MemberChange {
    /// Whom it is about.
    pub const fn replica(&self) -> ReplicaId {
        match self {
            Self::Forget { replica, .. } | Self::Add { replica, .. } => *replica,
        }
    }
}
