//! One replica of the controller's log: storage, network and consensus, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::error::{ClientWriteError, Fatal, InitializeError, RaftError};
use openraft::{Config, SnapshotPolicy};
use ridethrough_core::command::Entry;
use ridethrough_core::device::ReplicaId;
use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::Site;
use ridethrough_pki::PeerName;
use ridethrough_raft_log::{LogConfig, SEGMENT_BYTES_DEFAULT, Storage};
use ridethrough_witness::SigningKey;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::audit_tree::notary::{self, NotaryThread};
use crate::audit_tree::{AuditStatus, Tree};
use crate::codec::entry::encode_proposal;
use crate::codec::vote::Memory;
use crate::error::{ProposeError, StartError};
use crate::host::{DiskIo, Host, Queue};
use crate::log_store::{Found, LogStore, PROPOSAL_BYTES_MAX};
use crate::membership::{Extent, Following, Members, Seed};
use crate::peer::client::{self, BACKOFF};
use crate::peer::expiry;
use crate::peer::links::Links;
use crate::peer::probe::Prober;
use crate::peer::refusal::Refusals;
use crate::peer::server::{self, Service};
use crate::peer::tls::PeerTls;
use crate::snapshot::SnapshotStore;
use crate::state_machine::{Beginning, Notify, Outlet, StateMachine};
use crate::status::{self, Beside, Peer, Role, Status};
use crate::succession::Succession;
use crate::type_config::{PeerAddress, Proposal, Response, TypeConfig, replica};
use crate::vacancy::Vacancy;
use crate::voting::Voting;

/// Most entries in one append request.
const APPEND_ENTRIES_MAX: u64 = 256;
/// Most calls that wait for openraft's task.
const QUEUE_MAX: u64 = 1_024;
/// How often a waiting task looks again.
pub(crate) const POLL: Duration = Duration::from_millis(5);
/// How long a stopping replica waits for its tasks to let go of the log.
const STOP_DEADLINE: Duration = Duration::from_secs(2);
pub(crate) const NEVER_CEDED: u64 = u64::MAX;

pub(crate) type Raft = openraft::Raft<TypeConfig, StateMachine>;

/// What a replica must be told.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// Which replica this is.
    pub id: ReplicaId,
    /// The cluster's id; a log, a snapshot or a peer of any other is refused.
    pub cluster: [u8; 16],
    /// The replica's own directory; the log lies in `log/` below it and the snapshot in `snapshot/`.
    pub dir: PathBuf,
    /// Where to listen for peers.
    pub listen: SocketAddr,
    /// Where every member listens, this one included: who they are until the cluster is founded. From then on, the log says it.
    pub peers: BTreeMap<ReplicaId, SocketAddr>,
    /// Who of them listens elsewhere than the log says, once there is one: else the log is believed.
    pub moved: BTreeSet<ReplicaId>,
    /// Where this replica reaches one of them, if that is not where it listens: over a relay, from another network. Nobody else
    /// is told.
    pub dialled: BTreeMap<ReplicaId, SocketAddr>,
    /// This replica's identity towards its peers.
    pub tls: PeerTls,
    /// How often the leader shows that it is there, in whole milliseconds.
    pub heartbeat: Duration,
    /// This replica's own election window, in whole milliseconds, disjoint from the others': without word from a
    /// leader it stands for election after `election.end` (its lease) and a random time from the window. Its peers
    /// vote for it once their own leases have lapsed, so the windows should lie close together.
    pub election: Range<Duration>,
    /// The site that the ledger is about.
    pub site: Arc<Site>,
    /// How long its segments are, and how often it takes a snapshot.
    pub log: LogSize,
    /// What it signs checkpoints of its log with, into `audit/` below its directory; without it, none are signed.
    pub witness: Option<Arc<SigningKey>>,
}

/// In what portions a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// Where a segment ends, in bytes.
    pub segment_bytes: u64,
    /// So many entries lie between two snapshots, and so many stay readable behind one.
    pub snapshot_entries: u64,
}

impl Default for LogSize {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES_DEFAULT, snapshot_entries: 20_000 }
    }
}

/// A running replica. Dropping it stops it without waiting; [`Replica::stop`] waits.
pub struct Replica {
    raft: Raft,
    links: Links,
    vacancy: Arc<Vacancy>,
    voting: Arc<Voting>,
    prober: Prober,
    ending: AtomicBool,
    outlet: Arc<Outlet>,
    store: Option<LogStore>,
    election: Range<Duration>,
    /// The term in which this replica hands leadership over, or has.
    pub(crate) ceded: AtomicU64,
    runtime: Handle,
    tasks: Vec<JoinHandle<()>>,
    notary: Option<NotaryThread>,
}

impl Replica {
    /// Starts a replica; `notify` is called after every new state of the ledger, from a thread of the runtime and
    /// already while the log is replayed, and must be brief.
    ///
    /// Returns once the log is recovered and its committed entries are applied. A cluster is founded when all its
    /// members have been started once; after that a majority is enough.
    pub async fn start(config: ReplicaConfig, notify: Notify) -> Result<Self, StartError> {
        Self::start_on(config, notify, Host::machine()).await
    }

    /// Like [`Replica::start`], on something else than the machine. Fault injection and simulation enter here.
    pub async fn start_on<S: Storage>(
        config: ReplicaConfig,
        notify: Notify,
        host: Host<S>,
    ) -> Result<Self, StartError> {
        let Host { storage, network, disk_io } = host;
        let raft_config = raft_config(&config)?;
        // The cheapest thing that can fail comes first, before anything on the disk is touched.
        let address = config.listen;
        let port = network.open(address).await.map_err(|error| StartError::Bind { address, error })?;
        let Open { store, found, queue, snapshots } = open(&config, storage, &disk_io).await?;
        let serves_log = queue.map(|queue| tokio::spawn(queue.serve()));
        let notify = Arc::new(notify);
        let outlet = Outlet::new(Arc::clone(&config.site), Arc::clone(&notify));
        let (tree, notary) = tree(&config);
        let (site, dir) = (Arc::clone(&config.site), config.dir.clone());
        let machine = StateMachine::new(Beginning { site, snapshots, outlet: Arc::clone(&outlet), tree, dir, disk_io });
        let vacancy = Arc::new(Vacancy::new());
        let own = u64::from(config.id.0);
        let links = Links::new(config.tls.clone(), Arc::clone(&network), Arc::clone(&vacancy));
        let raft = Raft::new(own, Arc::new(raft_config), links.clone(), store.clone(), machine).await;
        let raft = raft.map_err(|error| not_started(&outlet, &error))?;
        let voting = Arc::new(voting(&config, &store, found));
        let members = members(&config, &raft, &voting).await.map_err(|error| not_started(&outlet, &error))?;
        links.follow(&members.addresses());
        let service = service(&config, &raft, &store, &Known { voting: &voting, vacancy: &vacancy, members: &members });
        let succession =
            Succession { raft: raft.clone(), own, vacancy: Arc::clone(&vacancy), voting: Arc::clone(&voting) };
        let following =
            Following { raft: raft.clone(), own, members, links: links.clone(), voting: Arc::clone(&voting) };
        let newcomer =
            Newcomer { raft: raft.clone(), links: links.clone(), store: store.clone(), voting: Arc::clone(&voting) };
        let seed = config.peers.iter().map(|(id, address)| (u64::from(id.0), PeerAddress(*address))).collect();
        let prober = Prober::over(config.tls.clone(), network);
        let tasks = vec![
            tokio::spawn(server::serve(port, service)),
            tokio::spawn(following.follow()),
            tokio::spawn(newcomer.join(seed)),
            tokio::spawn(succession.watch()),
            tokio::spawn(tell_leadership(raft.clone(), notify)),
            tokio::spawn(expiry::watch(config.tls)),
        ];
        let tasks = tasks.into_iter().chain(serves_log).collect();
        let (store, election, runtime) = (Some(store), config.election, Handle::current());
        let (ceded, ending) = (AtomicU64::new(NEVER_CEDED), AtomicBool::new(false));
        Ok(Self {
            raft,
            links,
            vacancy,
            voting,
            prober,
            ending,
            outlet,
            store,
            election,
            ceded,
            runtime,
            tasks,
            notary,
        })
    }

    /// The newest applied state.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.outlet.ledger()
    }

    /// How the replica is. Cheap enough for every tick.
    pub fn status(&self) -> Status {
        let own_min = self.election.start;
        let peers_min = self.links.election_min().unwrap_or(own_min);
        let stopped = self.outlet.stopped().map(ToString::to_string);
        let (lease, forgotten) = (peers_min.min(own_min), self.voting.is_forgotten());
        let beside = Beside { lease, acks: self.links.acks(), ceded_term: self.ceded_term(), forgotten, stopped };
        Status::of(&self.raft.metrics().borrow_watched(), beside)
    }

    /// The members of the cluster, and how each of them is where this replica leads.
    pub fn peers(&self) -> BTreeMap<ReplicaId, Peer> {
        status::peers(&self.raft.metrics().borrow_watched())
    }

    pub(crate) fn ceded_term(&self) -> Option<u64> {
        // Pairs with the Release in `cede` and `resume`.
        Some(self.ceded.load(Ordering::Acquire)).filter(|&term| term != NEVER_CEDED)
    }

    pub(crate) const fn election_end(&self) -> Duration {
        self.election.end
    }

    pub(crate) const fn raft(&self) -> &Raft {
        &self.raft
    }

    pub(crate) fn vacancy(&self) -> &Vacancy {
        &self.vacancy
    }

    /// Who calls replicas that are no members yet.
    pub fn prober(&self) -> Prober {
        self.prober.clone()
    }

    /// Lets whatever waits for long on this replica's behalf end, so that it can be stopped.
    pub fn prepare_to_stop(&self) {
        // Read alone; nothing else is published by it.
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// How the audit of its own log is; none where it signs no checkpoints.
    pub fn audit(&self) -> Option<AuditStatus> {
        self.notary.as_ref().map(NotaryThread::status)
    }

    /// Proposes an entry and waits until it is committed and applied here, but no longer than `deadline`.
    pub async fn propose(&self, entry: Entry, deadline: Duration) -> Result<Response, ProposeError> {
        let encoded = encode_proposal(&entry);
        let bytes = encoded.map_err(|error| ProposeError::Unstorable { reason: error.to_string() })?.len();
        // Both refused here: openraft takes an entry that the log cannot store for a broken disk, and stops the replica.
        if bytes > PROPOSAL_BYTES_MAX {
            return Err(ProposeError::TooLarge { bytes, bytes_max: PROPOSAL_BYTES_MAX });
        }
        match timeout(deadline, self.raft.client_write(Proposal(entry))).await {
            Ok(Ok(written)) => Ok(written.data),
            Ok(Err(error)) => Err(self.refusal(error)),
            Err(_) => Err(ProposeError::Timeout),
        }
    }

    /// Waits until this replica leads and an entry of its own term is committed, so that proposals are accepted.
    /// Returns whether that came before the deadline.
    pub async fn wait_leadership_ready(&self, deadline: Duration) -> bool {
        self.wait(deadline, |status, own_term| status.role == Role::Leader && own_term).await
    }

    /// Takes a snapshot now and hides the entries behind it, as happens by itself every so many entries. The segments
    /// keep them for the audit. Waits until it is done, but no longer than `deadline`; returns whether it is.
    pub async fn compact(&self, deadline: Duration) -> bool {
        let Some(applied) = self.status().applied_index else { return false };
        if self.raft.trigger().snapshot().await.is_err() {
            return false;
        }
        let snapshot = move |status: &Status| status.snapshot_index.is_some_and(|index| index >= applied);
        self.wait(deadline, move |status, _| snapshot(status)).await
            && self.raft.trigger().purge_log(applied).await.is_ok()
    }

    /// Stops the replica and waits until its directory is free.
    pub async fn stop(mut self) {
        // Peers take a closed port for a replica that leads no more, so that comes first. It fails only when the task has
        // panicked, and then it has ended, too.
        let _ = self.raft.shutdown().await;
        self.tasks.iter().for_each(JoinHandle::abort);
        for task in &mut self.tasks {
            // Aborted tasks end with an error that says so.
            let _ = task.await;
        }
        self.links.follow(&BTreeMap::new());
        let Some(store) = self.store.take() else { return };
        let until = Instant::now() + STOP_DEADLINE;
        // This handle and the one inside `self.raft`'s tasks; the last of those ends soon after openraft has.
        let signing = || self.notary.as_ref().is_some_and(|notary| !notary.is_finished());
        while (store.handles() > 1 || signing()) && Instant::now() < until {
            sleep(POLL).await;
        }
    }

    async fn wait(&self, deadline: Duration, done: impl Fn(&Status, bool) -> bool) -> bool {
        let until = Instant::now() + deadline;
        loop {
            let status = self.status();
            let committed = self.raft.metrics().borrow_watched().local_committed;
            let own_term = committed.is_some_and(|id| id.leader_id.term == status.term);
            if done(&status, own_term) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            sleep(POLL).await;
        }
    }

    fn refusal(&self, error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> ProposeError {
        match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => {
                ProposeError::NotLeader { leader: to.leader_id.and_then(replica) }
            }
            RaftError::APIError(ClientWriteError::LogEntryDiscarded(to)) => {
                ProposeError::Superseded { leader: to.leader_id.and_then(replica) }
            }
            RaftError::APIError(error) => ProposeError::Fatal { reason: error.to_string() },
            RaftError::Fatal(Fatal::Stopped) if self.outlet.stopped().is_none() => ProposeError::Stopped,
            RaftError::Fatal(error) => {
                let reason = self.outlet.stopped().map_or_else(|| error.to_string(), ToString::to_string);
                ProposeError::Fatal { reason }
            }
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // openraft's tasks hold each other; only a shutdown ends them. A runtime that is gone has ended them itself.
        let (raft, tasks) = (self.raft.clone(), std::mem::take(&mut self.tasks));
        self.runtime.spawn(async move {
            drop(raft.shutdown().await);
            tasks.iter().for_each(JoinHandle::abort);
        });
    }
}

/// Wakes whoever acts by the replica's status when it begins or ends to lead: an entry may be applied before the status
/// says who leads.
async fn tell_leadership(raft: Raft, notify: Arc<Notify>) {
    let mut metrics = raft.metrics();
    let mut told = None;
    while metrics.changed().await.is_ok() {
        let now = {
            let metrics = metrics.borrow_watched();
            (metrics.current_term, metrics.state, metrics.last_quorum_acked.is_some())
        };
        if told.replace(now) != Some(now) {
            notify();
        }
    }
}

/// What a replica does until it may vote.
struct Newcomer {
    raft: Raft,
    links: Links,
    store: LogStore,
    voting: Arc<Voting>,
}

impl Newcomer {
    async fn join(self, members: BTreeMap<u64, PeerAddress>) {
        if self.store.memory() == Memory::Unknown {
            self.raft.runtime_config().elect(false);
            tracing::info!("this replica's directory was empty: it votes once it knows what was committed");
            let peers = members.keys().copied().filter(|id| *id != self.links.own()).collect();
            tokio::select! {
                biased;
                () = self.until_it_knows() => {}
                // Ends when the replica does, at the latest.
                () = self.ask_terms(peers) => self.until_it_knows().await,
            }
            if let Err(error) = self.store.memory_is_whole() {
                tracing::error!(%error, "the log takes no writes");
                return;
            }
            self.voting.now_whole();
            self.raft.runtime_config().elect(true);
            tracing::info!("this replica takes part in elections");
        }
        self.found(members).await;
    }

    async fn until_it_knows(&self) {
        while !self.knows() {
            sleep(POLL).await;
        }
    }

    /// Asks the peers which terms they know of, until no majority of all could do without one of those that have answered.
    async fn ask_terms(&self, mut peers: BTreeSet<u64>) {
        let all = peers.len() + 1;
        let left = peers.len().saturating_sub(all - all / 2);
        let mut newest = 0;
        while peers.len() > left {
            for peer in peers.clone() {
                if let Some(term) = client::term_of(&self.links, peer).await {
                    newest = newest.max(term);
                    peers.remove(&peer);
                }
            }
            sleep(POLL).await;
        }
        tracing::info!(term = newest, "peers have said which terms they know of");
        self.voting.peers_know(newest);
    }

    fn knows(&self) -> bool {
        let applied = self.raft.metrics().borrow_watched().last_applied.map(|id| id.index);
        let caught_up = self.voting.target().is_some_and(|target| applied >= Some(target));
        caught_up || (self.store.is_empty() && self.links.all_unfounded())
    }

    /// Every member writes the same first entry, so it does not matter who is first.
    async fn found(&self, members: BTreeMap<u64, PeerAddress>) {
        if !self.store.is_empty() {
            return;
        }
        match self.raft.initialize(members).await {
            // A leader may have been quicker.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {}
            Err(error) => tracing::error!(%error, "the cluster cannot be founded"),
        }
    }
}

fn raft_config(config: &ReplicaConfig) -> Result<Config, StartError> {
    let refuse = |reason: &str| StartError::Config { reason: reason.into() };
    if !config.peers.contains_key(&config.id) || config.id.0 == 0 {
        return Err(refuse("this replica is not among the peers, or has the number 0"));
    }
    if config.tls.name() != (PeerName { cluster: config.cluster, replica: config.id.0 }) {
        return Err(refuse("the certificate is another replica's"));
    }
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (heartbeat, start, end) =
        (millis(config.heartbeat), millis(config.election.start), millis(config.election.end));
    if heartbeat == 0 || start <= heartbeat || end <= start || end > 60_000 {
        return Err(refuse("expected heartbeat < election.start < election.end <= 60 s, all in whole milliseconds"));
    }
    let snapshot_entries = config.log.snapshot_entries;
    let raft = Config {
        cluster_name: format!("{:032x}", u128::from_be_bytes(config.cluster)),
        heartbeat_interval: heartbeat,
        election_timeout_min: start,
        election_timeout_max: end,
        install_snapshot_timeout: 10_000,
        max_payload_entries: APPEND_ENTRIES_MAX,
        max_append_entries: Some(APPEND_ENTRIES_MAX),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshot_entries),
        max_in_snapshot_log_to_keep: snapshot_entries,
        replication_lag_threshold: snapshot_entries.saturating_mul(3),
        api_channel_size: Some(QUEUE_MAX),
        notification_channel_size: Some(QUEUE_MAX),
        state_machine_channel_size: Some(QUEUE_MAX),
        // A follower writes the entry while the leader does.
        broadcast_submitted_on_append: Some(true),
        enable_pre_vote: Some(true),
        backoff: format!("{0}ms {0}ms {0}ms", BACKOFF.as_millis()),
        // A replaced disk must not make the leader fail; `voting` keeps such a replica from harm.
        allow_log_reversion: Some(true),
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    raft.validate().map_err(|error| StartError::Config { reason: error.to_string() })
}

/// The tree over the log, and who signs it. A replica that cannot sign runs all the same, and says so.
fn tree(config: &ReplicaConfig) -> (Tree, Option<NotaryThread>) {
    let Some(key) = &config.witness else { return (Tree::new(None), None) };
    match notary::start(&config.dir, &config.cluster, Arc::clone(key)) {
        Ok((notary, thread)) => (Tree::new(Some(notary)), Some(thread)),
        Err(error) => {
            tracing::error!(%error, "NO CHECKPOINT of the log will be signed");
            (Tree::new(None), None)
        }
    }
}

/// What lay in a replica's directory.
struct Open<S: Storage> {
    store: LogStore,
    found: Found,
    queue: Option<Queue<S>>,
    snapshots: Arc<SnapshotStore>,
}

/// Opens log and snapshot on a thread that may block.
async fn open<S: Storage>(config: &ReplicaConfig, storage: S, disk_io: &DiskIo) -> Result<Open<S>, StartError> {
    let (config, log_io) = (config.clone(), disk_io.clone());
    let open = move || {
        let segment_bytes = config.log.segment_bytes;
        let log = LogConfig { dir: config.dir.join(LOG_DIR), cluster: config.cluster, segment_bytes };
        let (store, found, queue) = LogStore::open(log, storage, log_io)?;
        let snapshots = SnapshotStore::open(&config.dir.join(SNAPSHOT_DIR), config.cluster, &config.site);
        Ok(Open { store, found, queue, snapshots: snapshots.map_err(StartError::Snapshot)? })
    };
    let opened = disk_io.aside(|| Ok(open())).await;
    opened.unwrap_or_else(|error| Err(StartError::Raft { reason: error.to_string() }))
}

/// Where the log lies below a replica's directory.
pub(crate) const LOG_DIR: &str = "log";
/// Where the snapshot lies below a replica's directory.
pub(crate) const SNAPSHOT_DIR: &str = "snapshot";

/// Who the members are by the log as it was found, or by the configuration where it is empty.
async fn members(config: &ReplicaConfig, raft: &Raft, voting: &Voting) -> Result<Arc<Members>, Fatal<TypeConfig>> {
    let peers = config.peers.iter().map(|(id, address)| (u64::from(id.0), *address)).collect();
    let moved = config.moved.iter().map(|id| u64::from(id.0)).collect();
    let dialled = config.dialled.iter().map(|(id, address)| (u64::from(id.0), *address)).collect();
    let seed = Seed { peers, moved, dialled };
    let found = raft.with_raft_state(|state| state.membership_state.effective().membership().clone()).await?;
    Ok(Arc::new(Members::new(seed, &found, Extent::of(voting))))
}

fn voting(config: &ReplicaConfig, store: &LogStore, found: Found) -> Voting {
    let silence = if found.voted { config.election.end } else { Duration::ZERO };
    Voting::new(Instant::now() + silence, store.memory() == Memory::Whole)
}

/// What a replica knows of its peers.
struct Known<'a> {
    voting: &'a Arc<Voting>,
    vacancy: &'a Arc<Vacancy>,
    members: &'a Arc<Members>,
}

fn service(config: &ReplicaConfig, raft: &Raft, store: &LogStore, known: &Known<'_>) -> Arc<Service> {
    Arc::new(Service {
        raft: raft.clone(),
        cluster: config.cluster,
        own: u64::from(config.id.0),
        members: Arc::clone(known.members),
        tls: config.tls.clone(),
        refusals: Refusals::new(),
        election_ms: u64::try_from(config.election.start.as_millis()).unwrap_or(u64::MAX),
        site: Arc::clone(&config.site),
        store: store.clone(),
        voting: Arc::clone(known.voting),
        vacancy: Arc::clone(known.vacancy),
    })
}

fn not_started(outlet: &Outlet, error: &Fatal<TypeConfig>) -> StartError {
    let stopped = outlet.stopped().cloned();
    stopped.map_or_else(|| StartError::Raft { reason: error.to_string() }, StartError::Replay)
}
