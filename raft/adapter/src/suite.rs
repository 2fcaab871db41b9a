//! openraft's own tests of a storage, run against ours.

use std::io;
use std::sync::Arc;

use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::{OptionalSend, StorageError};
use ridethrough_core::site::Site;
use ridethrough_raft_log::LogConfig;
use tempfile::TempDir;

use crate::audit_tree::Tree;
use crate::host::DiskIo;
use crate::log_store::LogStore;
use crate::snapshot::SnapshotStore;
use crate::state_machine::{Beginning, Outlet, StateMachine};
use crate::type_config::{LogEntry, LogId, TypeConfig, Vote};

const SITE: &str = include_str!("../tests/site.toml");

/// Each test gets a directory of its own.
struct Builder;

/// The suite begins some logs with entry 1, which openraft itself never does: our log refuses it as a gap.
struct AnyBeginning(LogStore);

impl StoreBuilder<TypeConfig, AnyBeginning, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, AnyBeginning, StateMachine), StorageError<TypeConfig>> {
        let dir = tempfile::tempdir().expect("a directory");
        let site = Arc::new(Site::parse("site.toml", SITE).expect("a site"));
        let segment_bytes = ridethrough_raft_log::SEGMENT_BYTES_DEFAULT;
        let config = LogConfig { dir: dir.path().join("log"), cluster: [1; 16], segment_bytes };
        let (log, ..) = LogStore::open(config, ridethrough_raft_log::Disk, DiskIo::Threads).expect("opens");
        let snapshots = SnapshotStore::open(dir.path(), [1; 16], &site).expect("opens");
        let outlet = Outlet::new(Arc::clone(&site), Arc::new(Box::new(|| {})));
        let beginning = Beginning {
            site,
            snapshots,
            outlet,
            tree: Tree::new(None),
            dir: dir.path().to_path_buf(),
            disk_io: DiskIo::Threads,
        };
        Ok((dir, AnyBeginning(log), StateMachine::new(beginning)))
    }
}

impl RaftLogStorage<TypeConfig> for AnyBeginning {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        self.0.get_log_state().await
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.0.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        self.0.save_vote(vote).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.0.save_committed(committed).await
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        self.0.read_committed().await
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<LogEntry> = entries.into_iter().collect();
        if let Some(first) = entries.first().filter(|_| self.0.is_empty()) {
            self.0.begin_at(first.log_id.index);
        }
        self.0.append(entries, callback).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        self.0.truncate_after(last).await
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        self.0.purge(upto).await
    }
}

#[test]
fn our_storage_passes_openrafts_suite() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let passed = runtime.expect("a runtime").block_on(Suite::test_all(Builder));
    passed.expect("the suite passes");
}
