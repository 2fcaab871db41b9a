//! What runs on a simulated host: a replica, who proposes while it leads, and who looks at it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Site;
use ridethrough_raft::{DiskIo, Host, LogSize, PeerTls, Replica, ReplicaConfig, Role};
use tokio::time::{Instant, sleep};

use super::book::{Book, Rule};
use super::net::Simulated;
use super::run::TICK;
use crate::dice::Dice;
use crate::disk::Told;
use crate::members::{CLUSTER, HEARTBEAT, PROPOSAL_DEADLINE, PROPOSALS_PER_LIFE, election, proposal};

/// Small segments and few entries between snapshots, so that both are passed often.
const LOG: LogSize = LogSize { segment_bytes: 64 << 10, snapshot_entries: 400 };
/// Proposals that are under way at one time.
const PROPOSERS: u64 = 3;
/// The pause between two proposals of one proposer.
const PROPOSAL_PAUSE: Duration = Duration::from_millis(8);
/// How long leadership may take to go elsewhere.
const HANDOVER_DEADLINE: Duration = Duration::from_secs(1);

/// One of the three, in all of its lives.
pub struct Member {
    pub id: u16,
    pub dir: PathBuf,
    /// Where its disk tells what it has not stored.
    pub journal: PathBuf,
    pub tls: PeerTls,
    pub site: Arc<Site>,
    pub peers: BTreeMap<ReplicaId, SocketAddr>,
    pub network: Simulated,
    pub seed: u64,
    /// Whether its disk says that it has stored what it has not.
    pub lies: bool,
    pub book: Rc<RefCell<Book>>,
    /// How long its disk takes to sync, in microseconds.
    pub sync_us: Arc<AtomicU64>,
    pub lives: Cell<u64>,
    /// Whom it is to hand over to.
    pub hand_over: Cell<Option<u16>>,
    /// Whether it proposes nothing for now.
    pub quiet: Cell<bool>,
    /// Whether it is to take a snapshot.
    pub compact: Cell<bool>,
}

impl Member {
    /// One life, until it is dropped.
    pub async fn live(self: Rc<Self>) -> turmoil::Result {
        let life = self.lives.get() + 1;
        self.lives.set(life);
        let disk = Told::new(&self.journal, Dice::new(self.seed, life), 0)?.lying(self.lies);
        let sync_us = Arc::clone(&self.sync_us);
        let takes = move || Duration::from_micros(sync_us.load(Ordering::Relaxed));
        let host =
            Host { storage: disk, network: Arc::new(self.network.clone()), disk_io: DiskIo::Tasks(Arc::new(takes)) };
        match Replica::start_on(self.config(), Box::new(|| {}), host).await {
            Ok(replica) => self.watch(Rc::new(replica), life).await,
            Err(error) => {
                let what = format!("n{} does not start: {error}", self.id);
                self.book.borrow_mut().note(Rule::Runs, now(), what);
                futures::future::pending().await
            }
        }
    }

    fn config(&self) -> ReplicaConfig {
        ReplicaConfig {
            id: ReplicaId(self.id),
            cluster: CLUSTER,
            dir: self.dir.clone(),
            listen: self.peers[&ReplicaId(self.id)],
            peers: self.peers.clone(),
            moved: BTreeSet::new(),
            dialled: BTreeMap::new(),
            tls: self.tls.clone(),
            heartbeat: HEARTBEAT,
            election: election(self.id),
            site: Arc::clone(&self.site),
            log: LOG,
            witness: None,
        }
    }

    async fn watch(self: Rc<Self>, replica: Rc<Replica>, life: u64) -> turmoil::Result {
        let number = Rc::new(Cell::new(life * PROPOSALS_PER_LIFE));
        for _ in 0..PROPOSERS {
            tokio::task::spawn_local(Rc::clone(&self).propose(Rc::clone(&replica), Rc::clone(&number)));
        }
        loop {
            self.look(&replica);
            if let Some(to) = self.hand_over.take() {
                tokio::task::spawn_local(Rc::clone(&self).cede(Rc::clone(&replica), to));
            }
            if self.compact.take() {
                let replica = Rc::clone(&replica);
                tokio::task::spawn_local(async move { replica.compact(HANDOVER_DEADLINE).await });
            }
            sleep(TICK).await;
        }
    }

    fn look(&self, replica: &Replica) {
        let (status, seen) = (replica.status(), replica.ledger().seen());
        // Virtual time, as the replica is told.
        let virtual_now = Instant::now().into_std();
        let leads_for = status.leadership_until.map(|until| until.saturating_duration_since(virtual_now));
        self.book.borrow_mut().observe(self.id, now(), &status, seen, leads_for);
    }

    /// Proposes again and again, while the replica leads.
    async fn propose(self: Rc<Self>, replica: Rc<Replica>, number: Rc<Cell<u64>>) {
        loop {
            sleep(PROPOSAL_PAUSE).await;
            if self.quiet.get() || replica.status().role != Role::Leader {
                continue;
            }
            let proposed = proposal(self.id, replica.ledger().seen(), &self.site, number.replace(number.get() + 1));
            if let Ok(response) = replica.propose(proposed, PROPOSAL_DEADLINE).await {
                self.book.borrow_mut().acked(self.id, now(), response.seen);
            }
        }
    }

    async fn cede(self: Rc<Self>, replica: Rc<Replica>, to: u16) {
        // What speaks against it leaves everything as it is.
        let Ok(ceded) = replica.cede(ReplicaId(to)) else { return };
        self.book.borrow_mut().gives_up(self.id);
        if replica.hand_over(ceded, HANDOVER_DEADLINE).await.is_ok_and(|after| after.leader == ReplicaId(to)) {
            self.book.borrow_mut().handed_over += 1;
        }
    }
}

/// Since the beginning of the run.
fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
