//! The ways to all peers: a link and a watcher for each, begun and ended as the membership changes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ridethrough_pki::PeerName;
use tokio::task::JoinHandle;

use super::acks::Acks;
use super::electors::Electors;
use super::link::{CallError, Caller, Link, Route};
use super::tls::PeerTls;
use super::watch::watch;
use crate::network::Network;
use crate::vacancy::Vacancy;

/// All ways of a replica. Clones share them.
#[derive(Clone)]
pub(crate) struct Links {
    shared: Arc<Shared>,
}

struct Shared {
    cluster: [u8; 16],
    own: u64,
    tls: PeerTls,
    network: Arc<dyn Network>,
    vacancy: Arc<Vacancy>,
    ways: ArcSwap<BTreeMap<u64, Arc<Way>>>,
    acks: Acks,
    electors: Electors,
}

/// The way to one peer. It ends when it is dropped.
struct Way {
    address: SocketAddr,
    link: Link,
    watcher: JoinHandle<()>,
}

impl Drop for Way {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Links {
    /// Without a way to anybody yet.
    pub(crate) fn new(tls: PeerTls, network: Arc<dyn Network>, vacancy: Arc<Vacancy>) -> Self {
        let (ways, acks, electors) = (ArcSwap::default(), Acks::default(), Electors::default());
        let PeerName { cluster, replica } = tls.name();
        let own = replica.into();
        Self { shared: Arc::new(Shared { cluster, own, tls, network, vacancy, ways, acks, electors }) }
    }

    /// This replica's number.
    pub(crate) fn own(&self) -> u64 {
        self.shared.own
    }

    /// When peers last acknowledged this replica as their leader.
    pub(crate) fn acks(&self) -> &Acks {
        &self.shared.acks
    }

    /// What peers had when they voted for this replica.
    pub(crate) fn electors(&self) -> &Electors {
        &self.shared.electors
    }

    /// Keeps up a way to each of these members but this replica itself, and to nobody else. One task at a time may call it.
    pub(crate) fn follow(&self, members: &BTreeMap<u64, SocketAddr>) {
        let before = self.shared.ways.load_full();
        let others = members.iter().filter(|(id, _)| **id != self.shared.own);
        let ways = others.map(|(&id, &address)| {
            let kept = before.get(&id).filter(|way| way.address == address).cloned();
            (id, kept.unwrap_or_else(|| Arc::new(self.begin(id, address))))
        });
        let ways: BTreeMap<_, _> = ways.collect();
        // What was seen at an address says nothing of another.
        let left = before.keys().filter(|id| ways.get(id).is_none_or(|way| !Arc::ptr_eq(way, &before[id])));
        left.for_each(|&id| self.shared.vacancy.forget(id));
        self.shared.ways.store(Arc::new(ways));
    }

    fn begin(&self, to: u64, address: SocketAddr) -> Way {
        let Shared { cluster, own, tls, network, vacancy, .. } = &*self.shared;
        let route = Route { cluster: *cluster, from: *own, to, address };
        let link = Link::start(route, Caller { tls: tls.clone(), network: Arc::clone(network) }, Arc::clone(vacancy));
        let watcher = watch(to, address, Arc::clone(network), Arc::clone(vacancy));
        Way { address, link, watcher: tokio::spawn(watcher) }
    }

    /// Sends a request to a peer and waits for the answer.
    pub(crate) async fn call(&self, to: u64, body: Vec<u8>, deadline: Duration) -> Result<Vec<u8>, CallError> {
        // Not held while the answer is awaited: a way that has ended answers by itself that it broke.
        let calling = self.shared.ways.load().get(&to).map(|way| way.link.call(body, deadline));
        match calling {
            Some(calling) => calling.await,
            None => Err(CallError::NotConnected),
        }
    }

    /// The shortest election timeout of any peer that has been reached.
    pub(crate) fn election_min(&self) -> Option<Duration> {
        self.shared.ways.load().values().filter_map(|way| way.link.election()).min()
    }

    /// Whether every peer has been reached and knows of no committed entry.
    pub(crate) fn all_unfounded(&self) -> bool {
        self.shared.ways.load().values().all(|way| way.link.is_unfounded())
    }

    /// Peers that said when they were last called that this replica is no member.
    pub(crate) fn refusing(&self) -> BTreeSet<u64> {
        let ways = self.shared.ways.load();
        ways.iter().filter(|(_, way)| way.link.is_refused()).map(|(&id, _)| id).collect()
    }
}
