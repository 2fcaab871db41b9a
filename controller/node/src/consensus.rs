//! This replica's part in consensus.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use ridethrough_core::site::Site;
use ridethrough_raft::{PeerTls, Replica, ReplicaConfig, StartError};
use ridethrough_witness::SigningKey;
use tokio::runtime::Runtime;

use crate::config::{Config, ConfigError};

/// Starts Raft, which wakes the thread that calls when there is news. A port in use is named as the configuration does.
pub fn start(
    file: &Path,
    config: &Config,
    site: &Arc<Site>,
    tls: PeerTls,
    witness: Result<Option<SigningKey>, ConfigError>,
    runtime: &Runtime,
) -> Result<Replica> {
    let control_thread = std::thread::current();
    let notify = Box::new(move || control_thread.unpark());
    let raft = ReplicaConfig { witness: signing(witness), ..replica_config(config, site, tls) };
    runtime.block_on(Replica::start(raft, notify)).map_err(|error| {
        let own_port = matches!(error, StartError::Bind { .. });
        let named = format!("{}: peer.address of replica {}", file.display(), config.replica);
        if own_port { anyhow::Error::from(error).context(named) } else { error.into() }
    })
}

fn replica_config(config: &Config, site: &Arc<Site>, tls: PeerTls) -> ReplicaConfig {
    let listen = config.peers[&config.replica];
    ReplicaConfig {
        id: config.replica,
        cluster: config.cluster,
        dir: config.data_dir.clone(),
        listen,
        peers: config.peers.clone(),
        moved: config.moved.clone(),
        dialled: config.dialled.clone(),
        tls,
        heartbeat: config.heartbeat,
        election: config.election.clone(),
        site: Arc::clone(site),
        log: config.log,
        witness: None,
    }
}

/// What checkpoints are signed with, if anything.
fn signing(read: Result<Option<SigningKey>, ConfigError>) -> Option<Arc<SigningKey>> {
    let key = read.unwrap_or_else(|error| {
        tracing::error!(%error, "NO CHECKPOINT of the log will be signed");
        None
    });
    key.map(Arc::new)
}
