//! Applies committed entries to the ledger and publishes each new state.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use ridethrough_core::command::Position;
use ridethrough_core::ledger::{Effect, Ledger};
use ridethrough_core::site::Site;
use ridethrough_witness::Frontier;

use crate::audit_tree::Tree;
use crate::audit_tree::leaves::read_leaves;
use crate::codec::entry::encode_entry;
use crate::codec::snapshot::{Snapshot as Decoded, encode_snapshot};
use crate::error::StopReason;
use crate::host::DiskIo;
use crate::snapshot::{Current, SnapshotStore, decode_for};
use crate::type_config::{LogEntry, LogId, Proposal, Response, SnapshotMeta, StoredMembership, TypeConfig, position};

/// So many entries are applied before the new state is published.
const BATCH_ENTRIES_MAX: usize = 64;

type Snapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, Vec<u8>>;
type Waiting = (ApplyResponder<TypeConfig>, Response);

/// Called after each new state has been published.
pub type Notify = Box<dyn Fn() + Send + Sync>;

/// Where the newest state can be read.
pub(crate) struct Outlet {
    ledger: ArcSwap<Ledger>,
    stop: OnceLock<StopReason>,
    notify: Arc<Notify>,
}

/// What a state machine begins with.
pub(crate) struct Beginning {
    pub(crate) site: Arc<Site>,
    pub(crate) snapshots: Arc<SnapshotStore>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) tree: Tree,
    /// The replica's directory.
    pub(crate) dir: PathBuf,
    /// Who waits for the snapshot's disk.
    pub(crate) disk_io: DiskIo,
}

/// The replicated state, with its place in the log.
pub struct StateMachine {
    site: Arc<Site>,
    ledger: Arc<Ledger>,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    snapshots: Arc<SnapshotStore>,
    outlet: Arc<Outlet>,
    tree: Tree,
    /// The replica's directory.
    dir: PathBuf,
    disk_io: DiskIo,
}

impl Outlet {
    pub(crate) fn new(site: Arc<Site>, notify: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { ledger: ArcSwap::from_pointee(Ledger::new(site)), stop: OnceLock::new(), notify })
    }

    /// The newest applied state.
    pub(crate) fn ledger(&self) -> Arc<Ledger> {
        self.ledger.load_full()
    }

    /// Why applying has stopped for good, if it has.
    pub(crate) fn stopped(&self) -> Option<&StopReason> {
        self.stop.get()
    }

    fn publish(&self, ledger: &Arc<Ledger>) {
        self.ledger.store(Arc::clone(ledger));
        (self.notify)();
    }
}

impl StateMachine {
    /// The state before any entry. openraft brings it to the snapshot and then to the last committed entry.
    pub(crate) fn new(beginning: Beginning) -> Self {
        let Beginning { site, snapshots, outlet, tree, dir, disk_io } = beginning;
        let ledger = Arc::new(Ledger::new(Arc::clone(&site)));
        let membership = StoredMembership::default();
        Self { site, ledger, last_applied: None, membership, snapshots, outlet, tree, dir, disk_io }
    }

    /// Applies entries to the working state; nothing is published and nobody is answered yet.
    fn apply_one(&mut self, entry: LogEntry) -> Result<Response, StopReason> {
        let id = entry.log_id;
        let at = position(&id).ok_or(StopReason::BadLeader { entry: id.index, node: id.leader_id.node })?;
        // One value has one encoding, so these are the bytes that the log holds.
        let stored = encode_entry(&entry).ok();
        let effect = match entry.payload {
            EntryPayload::Blank => None,
            EntryPayload::Normal(proposal) => Some(self.apply_proposal(at, &proposal)?),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(id), membership);
                None
            }
        };
        self.last_applied = Some(id);
        self.tree.append(id.index, stored.as_deref());
        Ok(Response { at, seen: self.ledger.seen(), effect })
    }

    fn apply_proposal(&mut self, at: Position, proposal: &Proposal) -> Result<Effect, StopReason> {
        // The ledger asserts its invariants in production. A panic must stop this replica, not leave it half alive.
        let ledger = &mut self.ledger;
        let applied = catch_unwind(AssertUnwindSafe(|| Arc::make_mut(ledger).apply(at, &proposal.0)));
        match applied {
            Ok(Effect::Diverged { index }) => Err(StopReason::Diverged { entry: at.index, index }),
            Ok(effect) => Ok(effect),
            Err(panic) => Err(StopReason::Broken { entry: at.index, reason: panic_text(&*panic) }),
        }
    }

    /// Publishes before it answers, so that a proposer who has an answer also sees its effect.
    fn publish(&mut self, waiting: &mut Vec<Waiting>) {
        self.outlet.publish(&self.ledger);
        for (responder, response) in waiting.drain(..) {
            responder.send(response);
        }
    }

    fn stop(&mut self, reason: StopReason) -> io::Error {
        tracing::error!(%reason, "this replica stops: it applies nothing any more");
        let error = io::Error::new(io::ErrorKind::InvalidData, reason.clone());
        // The first reason stands; whatever follows is its consequence.
        let _ = self.outlet.stop.set(reason);
        // The working state may be wrong: only what was published before stays readable.
        self.ledger = self.outlet.ledger();
        error
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Vec<u8>;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.last_applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let (mut waiting, mut applied) = (Vec::new(), 0);
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let response = self.apply_one(entry).map_err(|reason| self.stop(reason))?;
            waiting.extend(responder.map(|responder| (responder, response)));
            applied += 1;
            if applied % BATCH_ENTRIES_MAX == 0 {
                self.publish(&mut waiting);
            }
        }
        self.publish(&mut waiting);
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let meta = SnapshotMeta { last_log_id: self.last_applied, last_membership: self.membership.clone() };
        let (ledger, tree) = (Arc::clone(&self.ledger), self.tree.frontier().cloned());
        SnapshotBuilder { meta, ledger, tree, snapshots: Arc::clone(&self.snapshots), disk_io: self.disk_io.clone() }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Vec<u8>) -> Result<(), io::Error> {
        let decoded = decode_for(&self.site, &snapshot, "the leader").map_err(io::Error::other)?;
        let Decoded { meta: found, parts, tree } = decoded;
        if found != *meta {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the snapshot is not the one that was announced"));
        }
        keep(&self.disk_io, &self.snapshots, Current { meta: found, bytes: snapshot }).await?;
        self.ledger = Arc::new(Ledger::from_parts(Arc::clone(&self.site), parts));
        self.last_applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.tree.restore(known_tree(&self.disk_io, tree, &self.dir, meta).await);
        self.outlet.publish(&self.ledger);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let newest = self.snapshots.newest();
        Ok(newest.map(|current| Snapshot { meta: current.meta, snapshot: current.bytes }))
    }
}

/// Makes a snapshot of one state while newer ones are applied.
pub struct SnapshotBuilder {
    meta: SnapshotMeta,
    ledger: Arc<Ledger>,
    tree: Option<Frontier>,
    snapshots: Arc<SnapshotStore>,
    disk_io: DiskIo,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Vec<u8>;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let (meta, ledger, tree) = (self.meta.clone(), Arc::clone(&self.ledger), self.tree.clone());
        let encode = move || encode_snapshot(&meta, &ledger.parts(), tree.as_ref()).map_err(io::Error::other);
        let bytes = self.disk_io.aside(encode).await?;
        keep(&self.disk_io, &self.snapshots, Current { meta: self.meta.clone(), bytes: bytes.clone() }).await?;
        Ok(Snapshot { meta: self.meta.clone(), snapshot: bytes })
    }
}

/// The tree that a snapshot tells, or that the replica's own log still has, where another release made the snapshot.
async fn known_tree(disk_io: &DiskIo, told: Option<Frontier>, dir: &Path, meta: &SnapshotMeta) -> Option<Frontier> {
    let entries = meta.last_log_id.map_or(0, |last| last.index.saturating_add(1));
    if told.is_some() || entries == 0 {
        return told.or(Some(Frontier::default()));
    }
    let dir = dir.to_path_buf();
    disk_io.aside(move || Ok(read_leaves(&dir).ok().and_then(|leaves| leaves.frontier(entries)))).await.ok().flatten()
}

async fn keep(disk_io: &DiskIo, snapshots: &Arc<SnapshotStore>, current: Current) -> Result<(), io::Error> {
    let snapshots = Arc::clone(snapshots);
    disk_io.aside(move || snapshots.keep(current).map_err(io::Error::other)).await
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use ridethrough_core::command::{Command, Entry, Founding, Seen, Stamp};
    use ridethrough_core::device::ReplicaId;
    use tempfile::TempDir;

    use super::*;
    use crate::leader_id::Elected;

    /// A replica's state without the replica.
    struct Desk {
        machine: StateMachine,
        outlet: Arc<Outlet>,
        site: Arc<Site>,
        _dir: TempDir,
    }

    impl Desk {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let site = Arc::new(Site::parse("site.toml", include_str!("../tests/site.toml")).expect("a site"));
            let snapshots = SnapshotStore::open(dir.path(), [1; 16], &site).expect("opens");
            let outlet = Outlet::new(Arc::clone(&site), Arc::new(Box::new(|| {})));
            let (tree, path) = (Tree::new(None), dir.path().to_path_buf());
            let beginning = Beginning {
                site: Arc::clone(&site),
                snapshots,
                outlet: Arc::clone(&outlet),
                tree,
                dir: path,
                disk_io: DiskIo::Threads,
            };
            Self { machine: StateMachine::new(beginning), outlet, site, _dir: dir }
        }

        /// Applies the entry that binds the log to a site of this hash.
        fn found(&mut self, site_hash: [u8; 32]) -> Result<Response, StopReason> {
            let command = Command::Found(Founding { cluster: [1; 16], site_hash });
            let entry = Entry { stamp: Stamp::default(), by: ReplicaId(1), seen: Seen::default(), command };
            let log_id = LogId::new(Elected { term: 1, node: 1 }, 1);
            self.machine.apply_one(LogEntry { log_id, payload: EntryPayload::Normal(Proposal(entry)) })
        }
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test)
    }

    #[test]
    fn a_snapshot_that_is_not_the_one_announced_changes_nothing() {
        run(async {
            let (mut leader, mut follower) = (Desk::new(), Desk::new());
            let hash = leader.site.hash;
            leader.found(hash).expect("applied");
            let made = leader.machine.get_snapshot_builder().await.build_snapshot().await.expect("made");
            let before = follower.outlet.ledger().seen();
            let later = LogId::new(Elected { term: 9, node: 1 }, 99);
            let announced = SnapshotMeta { last_log_id: Some(later), ..made.meta.clone() };
            let refused = follower.machine.install_snapshot(&announced, made.snapshot.clone()).await;
            assert!(refused.expect_err("another").to_string().contains("not the one that was announced"));
            assert_eq!(follower.machine.applied_state().await.expect("told").0, None);
            assert!(follower.machine.get_current_snapshot().await.expect("told").is_none(), "nor is it kept");
            assert_eq!(follower.outlet.ledger().seen(), before);
            follower.machine.install_snapshot(&made.meta, made.snapshot).await.expect("installed");
            assert_eq!(follower.outlet.ledger().seen(), leader.machine.ledger.seen());
        });
    }

    #[test]
    fn when_applying_stops_only_what_was_published_stays_readable_and_the_first_reason_stands() {
        let mut desk = Desk::new();
        let published = desk.outlet.ledger().seen();
        let hash = desk.site.hash;
        desk.found(hash).expect("applied");
        assert_ne!(desk.machine.ledger.seen(), published, "applied and not published yet");
        let first = StopReason::Broken { entry: 1, reason: "a test".into() };
        desk.machine.stop(first.clone());
        desk.machine.stop(StopReason::BadLeader { entry: 2, node: 0 });
        assert_eq!(desk.outlet.stopped(), Some(&first));
        assert_eq!((desk.machine.ledger.seen(), desk.outlet.ledger().seen()), (published, published));
    }

    #[test]
    fn another_site_file_or_a_leader_that_is_no_replica_stops_the_replica() {
        let mut desk = Desk::new();
        let stopped = desk.found([0; 32]).expect_err("another site");
        assert_eq!(stopped, StopReason::Diverged { entry: 1, index: 1 });
        let node = u64::from(u16::MAX) + 1;
        let log_id = LogId::new(Elected { term: 1, node }, 7);
        let stopped = desk.machine.apply_one(LogEntry { log_id, payload: EntryPayload::Blank });
        assert_eq!(stopped.expect_err("nobody"), StopReason::BadLeader { entry: 7, node });
    }

    #[test]
    fn a_panic_is_told_in_its_own_words() {
        let words = |panic: Box<dyn std::any::Any + Send>| panic_text(&*panic);
        assert_eq!(words(Box::new("a rule")), "a rule");
        assert_eq!(words(Box::new(String::from("rack 7"))), "rack 7");
        assert_eq!(words(Box::new(7)), "no message");
    }
}
