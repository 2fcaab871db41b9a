//! Three replicas in one process, on addresses of this machine that no other test has.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ridethrough_core::command::{Command, Entry, Founding, Plan, Seen, Stamp};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use ridethrough_pki::{Authority, Issued, Validity};
use ridethrough_raft::{LogSize, PeerPems, PeerTls, ProposeError, Replica, ReplicaConfig, Response, Role, StartError};
use ridethrough_witness::SigningKey;
use tempfile::TempDir;

pub const CLUSTER: [u8; 16] = *b"ridethrough-test";
pub const SECOND: Duration = Duration::from_secs(1);
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Four addresses each.
const CLUSTERS_IN_NET: u32 = 62;

const SITE: &str = include_str!("../site.toml");

/// What a replica signs checkpoints with.
pub fn key(id: u16) -> Arc<SigningKey> {
    let seed = u8::try_from(id).expect("small");
    Arc::new(SigningKey::new(&format!("n{id}"), [seed; 32]).expect("a good name"))
}

/// Runs a test that has to end in time; `RAFT_LOG` says what of it is told.
pub fn run(test: impl Future<Output = ()>) {
    if std::env::var_os("RAFT_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_env("RAFT_LOG");
        // Another test of this process may have set it up.
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime").block_on(async { tokio::time::timeout(6 * PATIENCE, test).await.expect("in time") });
}

pub fn site() -> Arc<Site> {
    Arc::new(Site::parse("site.toml", SITE).expect("the test's site"))
}

/// Members of one cluster, running or not.
pub struct Cluster {
    pub root: TempDir,
    pub replicas: BTreeMap<u16, Replica>,
    /// Where each of them listens, and further replicas may.
    pub peers: BTreeMap<ReplicaId, SocketAddr>,
    /// Who of them has moved since the log was told.
    pub moved: BTreeSet<ReplicaId>,
    /// Who each of them is to its peers.
    pub identities: BTreeMap<u16, PeerTls>,
    pub pace: Pace,
}

/// How quickly a cluster notices that its leader has gone.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub heartbeat: Duration,
    /// Where the first replica's election window begins.
    pub first: Duration,
    /// From the beginning of one window to that of the next.
    pub step: Duration,
    /// How wide each window is.
    pub width: Duration,
}

/// Patient enough for a machine that does other things, too.
pub const CALM: Pace = Pace {
    heartbeat: Duration::from_millis(20),
    first: Duration::from_millis(100),
    step: Duration::from_millis(50),
    width: Duration::from_millis(40),
};

/// For a machine that does nothing else.
pub const BRISK: Pace = Pace {
    heartbeat: Duration::from_millis(10),
    first: Duration::from_millis(40),
    step: Duration::from_millis(12),
    width: Duration::from_millis(10),
};

impl Cluster {
    /// A cluster of three that has not been started.
    pub fn new() -> Self {
        Self::paced(CALM)
    }

    /// Like [`Self::new`], with its own pace.
    pub fn paced(pace: Pace) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // The whole of 127.0.0.0/8 is this machine: the process and the cluster choose the network.
        let [.., high, low] = std::process::id().to_be_bytes();
        let port = 7301 + u16::try_from(number / CLUSTERS_IN_NET).expect("few clusters");
        let peers = (1..=3u16).map(|id| {
            let host = u8::try_from(number % CLUSTERS_IN_NET * 4).expect("small") + u8::try_from(id).expect("small");
            (ReplicaId(id), SocketAddr::from((Ipv4Addr::new(127, high, low, host), port)))
        });
        let root = tempfile::tempdir().expect("a directory");
        let (replicas, moved) = (BTreeMap::new(), BTreeSet::new());
        Self { root, replicas, peers: peers.collect(), moved, identities: identities(CLUSTER), pace }
    }

    /// Where the replica listens that may join the three, or one of them after it has moved.
    pub fn fourth_address(&self) -> SocketAddr {
        let mut address = self.peers[&ReplicaId(1)];
        let IpAddr::V4(ip) = address.ip() else { panic!("an address of 127.0.0.0/8") };
        let [a, b, c, host] = ip.octets();
        address.set_ip(Ipv4Addr::new(a, b, c, host + 3).into());
        address
    }

    /// A cluster of three that runs.
    pub async fn started() -> Self {
        let mut cluster = Self::new();
        cluster.start_all().await;
        cluster
    }

    pub async fn start_all(&mut self) {
        for id in 1..=3 {
            self.start(id).await.expect("starts");
        }
    }

    pub fn config(&self, id: u16) -> ReplicaConfig {
        let start = self.pace.first + self.pace.step * u32::from(id - 1);
        ReplicaConfig {
            id: ReplicaId(id),
            cluster: CLUSTER,
            dir: self.dir(id),
            listen: self.peers[&ReplicaId(id)],
            peers: self.peers.clone(),
            moved: self.moved.clone(),
            dialled: BTreeMap::new(),
            tls: self.identities[&id].clone(),
            heartbeat: self.pace.heartbeat,
            election: start..start + self.pace.width,
            site: site(),
            log: LogSize::default(),
            witness: Some(key(id)),
        }
    }

    pub fn dir(&self, id: u16) -> PathBuf {
        self.root.path().join(format!("n{id}"))
    }

    pub async fn start(&mut self, id: u16) -> Result<(), StartError> {
        let replica = Replica::start(self.config(id), Box::new(|| {})).await?;
        self.replicas.insert(id, replica);
        Ok(())
    }

    pub async fn stop(&mut self, id: u16) {
        self.replicas.remove(&id).expect("runs").stop().await;
    }

    /// The replica that leads and takes proposals.
    pub async fn leader(&self) -> u16 {
        let began = Instant::now();
        loop {
            for (&id, replica) in &self.replicas {
                if replica.status().role == Role::Leader
                    && replica.wait_leadership_ready(Duration::from_millis(200)).await
                {
                    return id;
                }
            }
            assert!(began.elapsed() < PATIENCE, "nobody leads: {:?}", self.statuses());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Proposes at whoever leads, as the node does: again, when the leader changes.
    pub async fn propose(&self, command: Command) -> Response {
        let began = Instant::now();
        loop {
            let leader = self.leader().await;
            let replica = &self.replicas[&leader];
            let seen = replica.ledger().seen();
            match replica.propose(entry(leader, seen, command.clone()), SECOND).await {
                Ok(response) => return response,
                Err(error @ (ProposeError::TooLarge { .. } | ProposeError::Unstorable { .. })) => panic!("{error}"),
                // Another leads, or will: this one may just have failed.
                Err(_) => {}
            }
            assert!(began.elapsed() < PATIENCE, "nothing is committed: {:?}", self.statuses());
        }
    }

    /// A follower loses all that it has, starts empty and catches up by the snapshot that its leader has made; which one.
    pub async fn refill_a_follower(&mut self, leader: u16) -> u16 {
        let emptied = if leader == 1 { 2 } else { 1 };
        self.stop(emptied).await;
        std::fs::remove_dir_all(self.dir(emptied)).expect("its directory");
        let last = self.propose(idle()).await;
        self.start(emptied).await.expect("starts empty");
        self.all_see(last.seen).await;
        emptied
    }

    /// Waits until every running replica has applied this state.
    pub async fn all_see(&self, seen: Seen) {
        let began = Instant::now();
        while self.replicas.values().any(|replica| replica.ledger().seen() != seen) {
            let states: Vec<_> = self.replicas.values().map(|replica| replica.ledger().seen().index).collect();
            assert!(began.elapsed() < PATIENCE, "expected {}, found {states:?}: {:?}", seen.index, self.statuses());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn statuses(&self) -> Vec<(u16, ridethrough_raft::Status)> {
        self.replicas.iter().map(|(&id, replica)| (id, replica.status())).collect()
    }
}

/// Three replicas, and one more that may join them, under one new authority.
pub fn identities(cluster: [u8; 16]) -> BTreeMap<u16, PeerTls> {
    let authority = Authority::found(cluster, Validity::days(2)).expect("founded");
    let identity = |id| {
        let issued = authority.issue(id, Validity::days(1)).expect("issued");
        (id, identity(cluster, id, authority.certificate_pem(), &issued, None))
    };
    (1..=4).map(identity).collect()
}

/// A replica with this certificate.
pub fn identity(cluster: [u8; 16], id: u16, ca: &str, issued: &Issued, revoked: Option<&str>) -> PeerTls {
    let pems = PeerPems { ca, certificate: &issued.certificate_pem, key: &issued.key_pem, revoked };
    PeerTls::new(cluster, ReplicaId(id), pems).expect("fits together")
}

pub fn found() -> Command {
    Command::Found(Founding { cluster: CLUSTER, site_hash: site().hash })
}

pub fn idle() -> Command {
    Command::Plan(Plan::default())
}

pub fn entry(by: u16, seen: Seen, command: Command) -> Entry {
    Entry { stamp: Stamp { at: Millis::new(1_000), wall_unix_ms: 1_700_000_000_000 }, by: ReplicaId(by), seen, command }
}

/// The only segment of a replica's log.
pub fn segment(dir: &Path) -> PathBuf {
    let files = std::fs::read_dir(dir.join("log")).expect("a log").map(|file| file.expect("listed").path());
    files.filter(|file| file.extension().is_some_and(|ext| ext == "seg")).min().expect("a segment")
}
