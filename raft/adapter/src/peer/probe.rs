//! Asks who listens at an address, before it becomes a member's.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::sync::Arc;

use ridethrough_core::device::ReplicaId;

use super::link::{Caller, Route, connect};
use super::tls::PeerTls;
use crate::network::{Network, Tcp};

/// Calls replicas that are no members yet. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prober {
    caller: Caller,
}

/// Why who listens at an address cannot become a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// It was not reached, or is not who it should be.
    Unreachable {
        /// Who was called.
        replica: ReplicaId,
        /// Where.
        address: SocketAddr,
        /// What came of it.
        reason: String,
    },
    /// It has a log already, which may be another's, and promises that nobody here knows of.
    NotEmpty {
        /// Who.
        replica: ReplicaId,
    },
}

impl Prober {
    /// Calls as the replica whose identity this is.
    pub fn new(tls: PeerTls) -> Self {
        Self::over(tls, Arc::new(Tcp))
    }

    pub(crate) fn over(tls: PeerTls, network: Arc<dyn Network>) -> Self {
        Self { caller: Caller { tls, network } }
    }

    /// Whether this replica listens there, proves to be who it is, accepts this one as a peer and has an empty log.
    /// Returns within the greeting's deadline.
    pub async fn newcomer(&self, replica: ReplicaId, address: SocketAddr) -> Result<(), ProbeError> {
        let own = self.caller.tls.name();
        let route = Route { cluster: own.cluster, from: own.replica.into(), to: replica.0.into(), address };
        match connect(route, &self.caller).await {
            Ok((_, welcome)) if welcome.founded => Err(ProbeError::NotEmpty { replica }),
            Ok(_) => Ok(()),
            Err(error) => Err(ProbeError::Unreachable { replica, address, reason: error.to_string() }),
        }
    }
}

impl Display for ProbeError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { replica, address, reason } => {
                write!(
                    f,
                    "{replica} at {address}: {reason}; see that `ridethroughd` runs there, with all members in its [[peer]]s"
                )
            }
            Self::NotEmpty { replica } => {
                write!(
                    f,
                    "{replica} has a log already: stop it, put its data folder aside, and start it with an empty one"
                )
            }
        }
    }
}

impl std::error::Error for ProbeError {}
