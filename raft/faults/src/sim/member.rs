//! What runs in a simulated process: a replica, who proposes while it leads, and who looks at it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ridethrough_core::device::ReplicaId;
use ridethrough_core::members::MemberChange;
use ridethrough_core::site::Site;
use ridethrough_raft::{DiskIo, Host, LogSize, MembersRefusal, PeerTls, Replica, ReplicaConfig, Role};
use tokio::time::{Instant, sleep};

use super::book::{Book, Rule};
use super::plan::Liar;
use super::process::{Clock, Process};
use super::run::TICK;
use super::sockets::Sockets;
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
/// How long a change of the members may take until the operator asks again.
const CHANGE_DEADLINE: Duration = Duration::from_secs(1);

/// One of the four who may be members, in all of its lives.
pub struct Member {
    pub id: u16,
    pub dir: PathBuf,
    /// Where its disk tells what it has not stored.
    pub journal: PathBuf,
    pub tls: PeerTls,
    pub site: Arc<Site>,
    pub listen: SocketAddr,
    /// The members when its configuration was last written.
    pub peers: RefCell<BTreeMap<ReplicaId, SocketAddr>>,
    pub sockets: Sockets,
    pub seed: u64,
    pub liar: Liar,
    pub book: Rc<RefCell<Book>>,
    /// How long its disk takes to sync, in microseconds.
    pub sync_us: Arc<AtomicU64>,
    pub lives: Cell<u64>,
    /// True time since the beginning of the run.
    pub now: Rc<Cell<Duration>>,
    /// How much too fast its host's clock runs, in millionths.
    pub drift_ppm: Cell<i64>,
    /// Whom it is to hand over to.
    pub hand_over: Cell<Option<u16>>,
    /// Whether it proposes nothing for now.
    pub quiet: Cell<bool>,
    /// Whether it is to take a snapshot.
    pub compact: Cell<bool>,
    /// How the operator wants the members changed, and the number of this wish.
    pub change: Cell<Option<(u64, MemberChange)>>,
    /// The newest wish that is known to be committed, whoever it was told.
    pub changes_made: Rc<Cell<u64>>,
}

impl Member {
    /// Its next life.
    pub fn start(self: &Rc<Self>) -> io::Result<Process> {
        let life = self.lives.get() + 1;
        self.lives.set(life);
        let disk = Told::new(&self.journal, Dice::new(self.seed, life), 0)?.lying(self.liar == Liar::Disks);
        let seed = Dice::new(self.seed, u64::from(self.id) * PROPOSALS_PER_LIFE + life).below(u64::MAX);
        let clock = if self.liar == Liar::Clocks { Clock::StandsStill } else { Clock::GoesOn };
        Process::start(seed, clock, Rc::clone(self).live(disk, life))
    }

    async fn live(self: Rc<Self>, disk: Told, life: u64) {
        let sync_us = Arc::clone(&self.sync_us);
        let takes = move || Duration::from_micros(sync_us.load(Ordering::Relaxed));
        let host =
            Host { storage: disk, network: Arc::new(self.sockets.clone()), disk_io: DiskIo::Tasks(Arc::new(takes)) };
        match Replica::start_on(self.config(), Box::new(|| {}), host).await {
            Ok(replica) => self.watch(Rc::new(replica), life).await,
            Err(error) => {
                let what = format!("n{} does not start: {error}", self.id);
                self.book.borrow_mut().note(Rule::Runs, self.now.get(), what);
            }
        }
    }

    fn config(&self) -> ReplicaConfig {
        ReplicaConfig {
            id: ReplicaId(self.id),
            cluster: CLUSTER,
            dir: self.dir.clone(),
            listen: self.listen,
            peers: self.peers.borrow().clone(),
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

    async fn watch(self: Rc<Self>, replica: Rc<Replica>, life: u64) {
        let number = Rc::new(Cell::new(life * PROPOSALS_PER_LIFE));
        for _ in 0..PROPOSERS {
            tokio::task::spawn_local(Rc::clone(&self).propose(Rc::clone(&replica), Rc::clone(&number)));
        }
        loop {
            self.look(&replica);
            if let Some(to) = self.hand_over.take() {
                tokio::task::spawn_local(Rc::clone(&self).cede(Rc::clone(&replica), to));
            }
            if let Some((wish, change)) = self.change.take() {
                let number = Rc::clone(&number);
                tokio::task::spawn_local(Rc::clone(&self).change_members(Rc::clone(&replica), wish, change, number));
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
        // Virtual time, as the replica is told; where its clock is slow, a lease by it lasts longer.
        let virtual_now = Instant::now().into_std();
        let left = status.leadership_until.map(|until| until.saturating_duration_since(virtual_now));
        let leads_for = left.map(|left| in_true_time(left, self.drift_ppm.get()));
        self.book.borrow_mut().observe(self.id, self.now.get(), &status, seen, leads_for);
    }

    /// Proposes again and again, while the replica leads.
    async fn propose(self: Rc<Self>, replica: Rc<Replica>, number: Rc<Cell<u64>>) {
        loop {
            sleep(PROPOSAL_PAUSE).await;
            if self.quiet.get() || replica.status().role != Role::Leader {
                continue;
            }
            self.propose_once(&replica, &number).await;
        }
    }

    /// Whether it was acknowledged.
    async fn propose_once(&self, replica: &Replica, number: &Cell<u64>) -> bool {
        let proposed = proposal(self.id, replica.ledger().seen(), &self.site, number.replace(number.get() + 1));
        let Ok(response) = replica.propose(proposed, PROPOSAL_DEADLINE).await else { return false };
        self.book.borrow_mut().acked(self.id, self.now.get(), response.seen);
        true
    }

    async fn change_members(
        self: Rc<Self>,
        replica: Rc<Replica>,
        wish: u64,
        change: MemberChange,
        number: Rc<Cell<u64>>,
    ) {
        let made = match replica.change_members(&change, CHANGE_DEADLINE).await {
            Ok(_) => true,
            // So it stands in this replica's log, and is committed once something is that comes after it.
            Err(MembersRefusal::Unknown(_) | MembersRefusal::Member { .. }) => {
                self.propose_once(&replica, &number).await
            }
            Err(MembersRefusal::Leads(_)) => {
                let another = replica.peers().into_keys().find(|peer| peer.0 != self.id);
                self.hand_over.set(another.map(|peer| peer.0));
                false
            }
            Err(_) => false,
        };
        if made {
            self.changes_made.set(self.changes_made.get().max(wish));
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

/// How long it really takes until a clock that is so many millionths too fast has gone on by this.
fn in_true_time(by_clock: Duration, drift_ppm: i64) -> Duration {
    let ns = by_clock.as_nanos() * 1_000_000 / u128::from(1_000_000_u64.saturating_add_signed(drift_ppm));
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}
