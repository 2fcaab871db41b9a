//! The network between the simulated hosts, and what calls over it come to.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, MutexGuard, PoisonError};

use futures::future::pending;
use turmoil::net::TcpStream;

/// What lies between hosts: turmoil does not tell.
#[derive(Debug, Default)]
pub struct Air {
    state: std::sync::Mutex<AirState>,
}

#[derive(Debug, Default)]
struct AirState {
    /// From where to where nothing comes through.
    blocked: BTreeSet<(IpAddr, IpAddr)>,
    /// How often any of it changed.
    changes: u64,
}

impl Air {
    /// Whether nothing comes through from one to the other.
    pub fn set_blocked(&self, from: IpAddr, to: IpAddr, blocked: bool) {
        let mut state = self.lock();
        let way = (from, to);
        if if blocked { state.blocked.insert(way) } else { state.blocked.remove(&way) } {
            state.changes += 1;
        }
    }

    fn changes(&self) -> u64 {
        self.lock().changes
    }

    fn is_blocked(&self, one: IpAddr, other: IpAddr) -> bool {
        let state = self.lock();
        state.blocked.contains(&(one, other)) || state.blocked.contains(&(other, one))
    }

    fn lock(&self) -> MutexGuard<'_, AirState> {
        // Each change is a single one, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// turmoil's network, as a host's kernel sees it.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The host's own address.
    pub own: IpAddr,
    /// What all hosts share.
    pub air: Arc<Air>,
}

impl Simulated {
    /// Calls. turmoil refuses what the network swallows as well as what a kernel refuses: here it is told apart.
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let before = self.air.changes();
        let called = TcpStream::connect(address).await;
        let swallowed = self.air.changes() != before || self.air.is_blocked(self.own, address.ip());
        if called.is_err() && swallowed { pending().await } else { called }
    }
}
