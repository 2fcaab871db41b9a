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
