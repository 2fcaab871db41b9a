//! Who the replicas are, and how they elect.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use ridethrough_core::device::ReplicaId;
use ridethrough_raft::members::MEMBERS_MAX;
use serde::Deserialize;
use toml::Spanned;

use super::{Checker, ConfigError, RawConfig};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRaft {
    heartbeat_ms: Spanned<u64>,
    election_ms: Spanned<[u64; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPeer {
    replica: Spanned<u16>,
    address: SocketAddr,
    #[serde(default)]
    moved: bool,
    dial: Option<SocketAddr>,
}

/// Where this replica reaches one of them, if that is not where it listens.
pub(super) fn dialled(peers: &[RawPeer]) -> BTreeMap<ReplicaId, SocketAddr> {
    peers.iter().filter_map(|peer| Some((ReplicaId(*peer.replica.get_ref()), peer.dial?))).collect()
}

/// Who of them has moved since the log was told where it listens.
pub(super) fn moved(peers: &[RawPeer]) -> BTreeSet<ReplicaId> {
    peers.iter().filter(|peer| peer.moved).map(|peer| ReplicaId(*peer.replica.get_ref())).collect()
}

impl Checker<'_> {
    pub(super) fn peers(&self, raw: &RawConfig) -> Result<BTreeMap<ReplicaId, SocketAddr>, ConfigError> {
        let mut peers = BTreeMap::new();
        for peer in &raw.peer {
            let id = *peer.replica.get_ref();
            if id == 0 || peers.len() == MEMBERS_MAX {
                let reason = format!("replica {id}: expected numbers from 1, at most {MEMBERS_MAX} replicas");
                return Err(self.wrong(&peer.replica, "peer.replica", reason));
            }
            if peers.insert(ReplicaId(id), peer.address).is_some() {
                return Err(self.wrong(&peer.replica, "peer.replica", format!("replica {id} is listed twice")));
            }
        }
        if !peers.contains_key(&ReplicaId(*raw.replica.get_ref())) {
            let reason = format!("there is no [[peer]] with replica = {}", raw.replica.get_ref());
            return Err(self.wrong(&raw.replica, "replica", reason));
        }
        Ok(peers)
    }

    pub(super) fn heartbeat(&self, raft: &RawRaft) -> Result<Duration, ConfigError> {
        let ms = *raft.heartbeat_ms.get_ref();
        if !(1..=10_000).contains(&ms) {
            let reason = format!("{ms}, expected 1 to 10000");
            return Err(self.wrong(&raft.heartbeat_ms, "raft.heartbeat_ms", reason));
        }
        Ok(Duration::from_millis(ms))
    }

    pub(super) fn election(&self, raft: &RawRaft) -> Result<Range<Duration>, ConfigError> {
        let [min, max] = *raft.election_ms.get_ref();
        let beats = 2 * raft.heartbeat_ms.get_ref();
        if min >= max || min < beats || max > 60_000 {
            let reason = format!("[{min}, {max}], expected a rising pair from {beats} (two heartbeats) to 60000");
            return Err(self.wrong(&raft.election_ms, "raft.election_ms", reason));
        }
        Ok(Duration::from_millis(min)..Duration::from_millis(max))
    }
}
