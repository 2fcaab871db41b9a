//! A disk that fails stops its replica for good and nobody else.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::common::{Cluster, PATIENCE, found, idle};
use ridethrough_raft::{Host, Replica, Role};
use ridethrough_raft_log::{Disk, Storage, StorageFile};

/// A disk whose syncs fail once `failing` is set.
#[derive(Clone)]
struct Failing {
    failing: Arc<AtomicBool>,
}

struct FailingFile {
    file: File,
    failing: Arc<AtomicBool>,
}

impl Failing {
    fn wrap(&self, file: File) -> FailingFile {
        FailingFile { file, failing: Arc::clone(&self.failing) }
    }
}

impl Storage for Failing {
    type File = FailingFile;

    fn create(&self, path: &Path) -> io::Result<FailingFile> {
        Disk.create(path).map(|file| self.wrap(file))
    }

    fn open(&self, path: &Path) -> io::Result<FailingFile> {
        Disk.open(path).map(|file| self.wrap(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }
}

impl StorageFile for FailingFile {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        StorageFile::write_all_at(&mut self.file, bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        if self.failing.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is gone"));
        }
        StorageFile::sync_data(&mut self.file)
    }
}

#[test]
fn a_failed_sync_stops_the_replica_and_the_cluster_goes_on() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        // Twice, with two replicas: the one that led has just been restarted and follows.
        for _ in 0..2 {
            let id = cluster.leader().await;
            cluster.stop(id).await;
            let disk = Failing { failing: Arc::default() };
            let restarted = Replica::start_on(cluster.config(id), Box::new(|| {}), Host::with(disk.clone())).await;
            cluster.replicas.insert(id, restarted.expect("starts"));
            cluster.all_see(cluster.propose(idle()).await.seen).await;
            disk.failing.store(true, Ordering::Relaxed);
            let acknowledged = cluster.propose(idle()).await;
            let began = Instant::now();
            while cluster.replicas[&id].status().role != Role::Stopped {
                assert!(began.elapsed() < PATIENCE, "{:?}", cluster.statuses());
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            let stopped = cluster.replicas[&id].status().stopped.expect("a reason");
            assert!(stopped.contains("the disk is gone"), "{stopped}");
            cluster.stop(id).await;
            cluster.start(id).await.expect("starts on a whole disk");
            cluster.all_see(acknowledged.seen).await;
        }
    });
}
