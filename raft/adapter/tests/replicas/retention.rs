//! Replicas whose older segments were removed: while they run, when they start again, and for those that need a snapshot.

use crate::common::{Cluster, SECOND, found, idle, run};
use ridethrough_raft::audit_stream::survey;
use ridethrough_raft::contents::contents;
use ridethrough_raft::retention::{prunable, prune, sealed};
use ridethrough_raft::{LogSize, Replica};

/// A cluster whose segments hold some thirty entries each.
async fn started() -> Cluster {
    let mut cluster = Cluster::new();
    for id in 1..=3 {
        start(&mut cluster, id).await;
    }
    cluster.propose(found()).await;
    cluster
}

async fn start(cluster: &mut Cluster, id: u16) {
    let log = LogSize { segment_bytes: 4 << 10, ..LogSize::default() };
    let config = ridethrough_raft::ReplicaConfig { log, ..cluster.config(id) };
    let replica = Replica::start(config, Box::new(|| {})).await.expect("starts");
    cluster.replicas.insert(id, replica);
}

/// Decides some things, has every replica take a snapshot, and removes what they need no more.
async fn grow_and_prune(cluster: &mut Cluster) {
    let mut last = None;
    for _ in 0..120 {
        last = Some(cluster.propose(idle()).await);
    }
    cluster.all_see(last.expect("some").seen).await;
    for id in 1..=3 {
        assert!(cluster.replicas[&id].compact(5 * SECOND).await, "{:?}", cluster.statuses());
    }
    // Purging is on its way to the disk when `compact` returns.
    for id in 1..=3 {
        let dir = cluster.dir(id);
        let until = std::time::Instant::now() + 5 * SECOND;
        while prunable(&dir).expect("reads").is_empty() && std::time::Instant::now() < until {
            tokio::time::sleep(SECOND / 50).await;
        }
        let removed = prune(&dir, usize::MAX).expect("pruned");
        assert!(!removed.is_empty(), "n{id}: {:?}", sealed(&dir));
        let first = survey(&dir).expect("reads").first_index;
        assert_eq!(first, removed.last().map(|last| last.next_index).filter(|_| first.is_some()), "n{id}");
    }
}

#[test]
fn replicas_go_on_without_their_older_segments_and_start_again_without() {
    run(async {
        let mut cluster = started().await;
        grow_and_prune(&mut cluster).await;
        cluster.all_see(cluster.propose(idle()).await.seen).await;
        // One by one, as for an upgrade; then all at once, as when the power comes back.
        for id in 1..=3 {
            cluster.stop(id).await;
            cluster.propose(idle()).await;
            start(&mut cluster, id).await;
        }
        let last = cluster.propose(idle()).await;
        cluster.all_see(last.seen).await;
        for id in 1..=3 {
            cluster.stop(id).await;
        }
        for id in 1..=3 {
            start(&mut cluster, id).await;
            assert!(cluster.replicas[&id].ledger().seen().index > 0, "n{id} has its ledger before it hears anybody");
        }
        assert!(cluster.propose(idle()).await.seen.index > last.seen.index);
        grow_and_prune(&mut cluster).await;
    });
}

#[test]
fn what_a_pruned_replica_promised_is_not_forgotten() {
    run(async {
        let mut cluster = started().await;
        grow_and_prune(&mut cluster).await;
        let term = cluster.statuses()[0].1.term;
        for id in 1..=3 {
            cluster.stop(id).await;
            // No vote lies in what is left: all stood in the first segment.
            let found = contents(&cluster.dir(id)).expect("reads");
            // The others may elect somebody while one after the other stops.
            assert!(term > 0 && found.term >= term, "n{id}: {found:?}");
            assert!(found.snapshot_index.is_some_and(|snapshot| Some(snapshot + 1) >= found.first_index), "{found:?}");
        }
    });
}

#[test]
fn a_replica_that_lost_its_disk_is_filled_by_pruned_ones() {
    run(async {
        let mut cluster = started().await;
        grow_and_prune(&mut cluster).await;
        let leader = cluster.leader().await;
        let emptied = if leader == 1 { 2 } else { 1 };
        cluster.stop(emptied).await;
        std::fs::remove_dir_all(cluster.dir(emptied)).expect("its directory");
        let last = cluster.propose(idle()).await;
        start(&mut cluster, emptied).await;
        cluster.all_see(last.seen).await;
        assert!(cluster.replicas[&emptied].status().snapshot_index.is_some(), "{:?}", cluster.statuses());
    });
}
