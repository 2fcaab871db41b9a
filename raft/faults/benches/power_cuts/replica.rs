//! A replica in a process of its own, which proposes while it leads and says what was acknowledged.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Site;
use ridethrough_pki::Issued;
use ridethrough_raft::{Host, LogSize, Replica, ReplicaConfig, Role};

use ridethrough_raft_faults::dice::Dice;
use ridethrough_raft_faults::disk::Told;
use ridethrough_raft_faults::members::{
    CLUSTER, HEARTBEAT, MEMBERS, PROPOSAL_DEADLINE, PROPOSALS_PER_LIFE, election, identity, proposal, site,
};

/// Proposals that are under way at one time, so that entries share a write and a sync.
const UNDER_WAY: usize = 8;
/// Longest sync, in microseconds.
const SYNC_US_MAX: u64 = 8_000;
const PORT: u16 = 7_301;

/// Which replica, in which life, where.
#[derive(Clone, Debug)]
pub struct Life {
    /// The cluster's folder.
    pub root: PathBuf,
    pub id: u16,
    /// Counts the starts of all replicas.
    pub life: u64,
    /// The two middle bytes of its addresses.
    pub network: [u8; 2],
    pub seed: u64,
    /// Whether its disk says that it has stored what it has not: then entries must be found missing.
    pub lies: bool,
}

impl Life {
    /// As arguments of a process.
    pub fn arguments(&self) -> [String; 8] {
        let root = self.root.display().to_string();
        let [high, low] = self.network.map(|byte| byte.to_string());
        [
            "--replica".into(),
            root,
            self.id.to_string(),
            self.life.to_string(),
            high,
            low,
            self.seed.to_string(),
            self.lies.to_string(),
        ]
    }

    /// From the arguments of this process.
    pub fn parse(arguments: &[String]) -> Option<Self> {
        let [root, id, life, high, low, seed, lies] = arguments else { return None };
        let network = [high.parse().ok()?, low.parse().ok()?];
        let (id, life, seed) = (id.parse().ok()?, life.parse().ok()?, seed.parse().ok()?);
        Some(Self { root: root.into(), id, life, network, seed, lies: lies.parse().ok()? })
    }

    fn address(&self, id: u16) -> SocketAddr {
        let [high, low] = self.network;
        SocketAddr::from((Ipv4Addr::new(127, high, low, u8::try_from(id).unwrap_or(u8::MAX)), PORT))
    }

    fn config(&self) -> io::Result<ReplicaConfig> {
        let text = |name: String| fs::read_to_string(self.root.join(name));
        let certificate_pem = text(format!("n{}.pem", self.id))?;
        let issued = Issued { certificate_pem, key_pem: text(format!("n{}.key", self.id))? };
        Ok(ReplicaConfig {
            id: ReplicaId(self.id),
            cluster: CLUSTER,
            dir: dir(&self.root, self.id),
            listen: self.address(self.id),
            peers: MEMBERS.map(|id| (ReplicaId(id), self.address(id))).collect(),
            moved: std::collections::BTreeSet::new(),
            dialled: std::collections::BTreeMap::new(),
            tls: identity(self.id, &text("ca.pem".into())?, &issued)?,
            heartbeat: HEARTBEAT,
            election: election(self.id),
            site: site()?,
            log: LogSize::default(),
            witness: None,
        })
    }
}

/// A replica's directory.
pub fn dir(root: &Path, id: u16) -> PathBuf {
    root.join(format!("n{id}"))
}

/// Where a replica's disk tells what it has not stored yet.
pub fn journal(root: &Path, id: u16) -> PathBuf {
    root.join(format!("n{id}.journal"))
}

/// Runs until it is killed; comes back only with what went wrong.
pub fn run(life: &Life) -> Result<(), String> {
    std::thread::spawn(|| {
        // Nothing is ever said there: when it ends, whoever would kill this process has gone.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(1)
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let config = life.config().map_err(|error| error.to_string())?;
        let site = Arc::clone(&config.site);
        let dice = Dice::new(life.seed, life.life);
        let disk = Told::new(&journal(&life.root, life.id), dice, SYNC_US_MAX).map_err(|error| error.to_string())?;
        let replica = Replica::start_on(config, Box::new(|| {}), Host::with(disk.lying(life.lies)))
            .await
            .map_err(|error| error.to_string())?;
        println!("started");
        let (replica, number) = (Arc::new(replica), Arc::new(AtomicU64::new(life.life * PROPOSALS_PER_LIFE)));
        let proposers = (0..UNDER_WAY)
            .map(|_| tokio::spawn(propose(Arc::clone(&replica), life.id, Arc::clone(&site), Arc::clone(&number))));
        for proposer in proposers {
            proposer.await.map_err(|error| error.to_string())?;
        }
        Err(format!("stopped: {:?}", replica.status().stopped))
    })
}

/// Proposes again and again; says each entry that was acknowledged.
async fn propose(replica: Arc<Replica>, id: u16, site: Arc<Site>, number: Arc<AtomicU64>) {
    while replica.status().role != Role::Stopped {
        if replica.status().role != Role::Leader || !replica.wait_leadership_ready(Duration::from_millis(50)).await {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        }
        let number = number.fetch_add(1, Ordering::Relaxed);
        let proposed = proposal(id, replica.ledger().seen(), &site, number);
        if let Ok(response) = replica.propose(proposed, PROPOSAL_DEADLINE).await {
            println!("acked {} {number}", response.at.index);
        }
    }
}
