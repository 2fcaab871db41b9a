//! What real replicas sign of their log, over snapshots, restarts and a lost disk.

use std::path::PathBuf;

use crate::common::{Cluster, SECOND, found, idle, key, run};
use ridethrough_raft::audit_tree::prove::{ProveError, prove};
use ridethrough_raft::audit_tree::verify::{Fault, Verified, verify};
use ridethrough_witness::WitnessKey;

/// More than lie between two checkpoints.
const PLANS: usize = 260;

async fn propose(cluster: &Cluster, plans: usize) {
    let mut last = cluster.propose(idle()).await;
    for _ in 1..plans {
        last = cluster.propose(idle()).await;
    }
    cluster.all_see(last.seen).await;
}

fn witnesses() -> Vec<WitnessKey> {
    (1..=3).map(|id| key(id).public()).collect()
}

fn judge(cluster: &Cluster, ids: &[u16]) -> Verified {
    let dirs: Vec<PathBuf> = ids.iter().map(|&id| cluster.dir(id)).collect();
    verify(&dirs, &witnesses()).expect("reads")
}

#[test]
fn a_replica_goes_on_signing_after_a_snapshot_and_a_restart() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        propose(&cluster, PLANS).await;
        assert!(cluster.replicas[&1].compact(5 * SECOND).await, "{:?}", cluster.statuses());
        cluster.stop(1).await;
        cluster.start(1).await.expect("starts from its snapshot");
        propose(&cluster, PLANS).await;
        let status = cluster.replicas[&1].audit().expect("it signs");
        assert!(status.tree_known && status.faults == 0, "{status:?}");
        for id in 1..=3 {
            cluster.stop(id).await;
        }
        let found = judge(&cluster, &[1, 2, 3]);
        assert!(found.holds(), "{:?}", found.faults);
        assert!(found.witnesses.iter().all(|one| one.entries > 2 * 256 && one.checkpoints >= 3), "{found:?}");
        assert!(judge(&cluster, &[1]).holds(), "each log holds alone");
    });
}

#[test]
fn a_log_that_begins_after_a_snapshot_is_proved_beside_a_whole_one_only() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        propose(&cluster, 20).await;
        let leader = cluster.leader().await;
        assert!(cluster.replicas[&leader].compact(5 * SECOND).await, "{:?}", cluster.statuses());
        let emptied = cluster.refill_a_follower(leader).await;
        propose(&cluster, PLANS).await;
        // The whole log last: who is left could elect another, and sign what this one has not.
        for id in (1..=3).filter(|id| *id != leader).chain([leader]) {
            cluster.stop(id).await;
        }
        let alone = judge(&cluster, &[emptied]);
        assert!(matches!(alone.faults[..], [Fault::CaughtUp { .. }]), "{:?}", alone.faults);
        assert!(alone.witnesses.iter().any(|one| one.entries > 256), "the snapshot told the tree: {alone:?}");
        let beside = judge(&cluster, &[emptied, leader]);
        assert!(beside.holds(), "{:?}", beside.faults);
        assert!(matches!(prove(&cluster.dir(emptied), 200), Err(ProveError::NotThere { index: 200, entries: 0 })));
        let proof = prove(&cluster.dir(leader), 200).expect("it is there");
        assert_eq!(proof.check(&witnesses()).expect("holds").0.size, 256);
    });
}
