//! Three real replicas that write one log, sign it and stop.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ridethrough_core::command::{Command, Entry, Founding, Plan, Stamp};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use ridethrough_pki::{Authority, Validity};
use ridethrough_raft::retention::prunable;
use ridethrough_raft::{LogSize, PeerPems, PeerTls, Replica, ReplicaConfig};
use ridethrough_witness::SigningKey;
use tempfile::TempDir;

pub const CLUSTER: [u8; 16] = *b"ridethrough-test";
/// So many plans are committed, so that there are two whole tiles and a part of one.
const PLANS: usize = 560;
const PATIENCE: Duration = Duration::from_mins(1);
const SITE: &str = include_str!("../../../../raft/adapter/tests/site.toml");

/// The key of a replica.
pub fn key(id: u16) -> Arc<SigningKey> {
    let seed = u8::try_from(id).expect("small");
    Arc::new(SigningKey::new(&format!("ridethrough/test/n{id}"), [seed; 32]).expect("a good name"))
}

/// The folders `n1` to `n3`, as the replicas left them: with logs in such portions, and behind a snapshot where that is wanted.
pub fn make(log: LogSize, compact: bool) -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(write(root.path(), log, compact));
    for id in 1..=3 {
        std::fs::write(dir(root.path(), id).join("site.toml"), SITE).expect("room");
    }
    root
}

/// A copy of a folder with all that is below it.
pub fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("room");
    for item in std::fs::read_dir(from).expect("listed") {
        let path = item.expect("listed").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}

/// The folder of a replica.
pub fn dir(root: &Path, id: u16) -> PathBuf {
    root.join(format!("n{id}"))
}

async fn write(root: &Path, log: LogSize, compact: bool) {
    let site = Arc::new(Site::parse("site.toml", SITE).expect("the test's site"));
    let mut replicas = Vec::new();
    let authority = Authority::found(CLUSTER, Validity::days(2)).expect("founded");
    for id in 1..=3 {
        let config = ReplicaConfig { log, ..config(root, id, &site, &authority) };
        replicas.push(Replica::start(config, Box::new(|| {})).await.expect("starts"));
    }
    commit(&replicas, Command::Found(Founding { cluster: CLUSTER, site_hash: site.hash })).await;
    for _ in 0..PLANS {
        commit(&replicas, Command::Plan(Plan::default())).await;
    }
    let seen = replicas.iter().map(|replica| replica.ledger().seen()).max_by_key(|seen| seen.index).expect("three");
    let began = Instant::now();
    while replicas.iter().any(|replica| replica.ledger().seen() != seen) {
        assert!(began.elapsed() < PATIENCE, "not every replica has applied all");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for (id, replica) in (1..).zip(replicas) {
        if compact {
            assert!(replica.compact(PATIENCE).await, "no snapshot was taken");
            // What is to be purged is on its way when that returns.
            while prunable(&dir(root, id)).expect("a log").is_empty() && began.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        replica.stop().await;
    }
}

/// Commits through whoever leads; again when that changes.
async fn commit(replicas: &[Replica], command: Command) {
    let began = Instant::now();
    loop {
        for (id, replica) in (1..).zip(replicas) {
            let stamp = Stamp { at: Millis::new(1_000), wall_unix_ms: 1_700_000_000_000 };
            let entry = Entry { stamp, by: ReplicaId(id), seen: replica.ledger().seen(), command: command.clone() };
            if replica.propose(entry, Duration::from_secs(1)).await.is_ok() {
                return;
            }
        }
        assert!(began.elapsed() < PATIENCE, "nothing is committed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn identity(authority: &Authority, id: u16) -> PeerTls {
    let issued = authority.issue(id, Validity::days(1)).expect("issued");
    let (certificate, key) = (&issued.certificate_pem, &issued.key_pem);
    let pems = PeerPems { ca: authority.certificate_pem(), certificate, key, revoked: None };
    PeerTls::new(CLUSTER, ReplicaId(id), pems).expect("fits together")
}

fn config(root: &Path, id: u16, site: &Arc<Site>, authority: &Authority) -> ReplicaConfig {
    // The whole of 127.0.0.0/8 is this machine: the process chooses the network.
    let [.., high, low] = std::process::id().to_be_bytes();
    let peer = |id: u16| {
        let host = u8::try_from(id).expect("small") + 250;
        (ReplicaId(id), SocketAddr::from((Ipv4Addr::new(127, high, low, host), 7301)))
    };
    let peers: BTreeMap<ReplicaId, SocketAddr> = (1..=3).map(peer).collect();
    let start = Duration::from_millis(150 + 50 * u64::from(id));
    ReplicaConfig {
        id: ReplicaId(id),
        cluster: CLUSTER,
        dir: dir(root, id),
        listen: peers[&ReplicaId(id)],
        peers,
        moved: std::collections::BTreeSet::new(),
        dialled: BTreeMap::new(),
        heartbeat: Duration::from_millis(20),
        election: start..start + Duration::from_millis(40),
        site: Arc::clone(site),
        log: LogSize::default(),
        witness: Some(key(id)),
        tls: identity(authority, id),
    }
}
