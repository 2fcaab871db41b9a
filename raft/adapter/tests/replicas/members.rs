//! Replicas that join, are forgotten, and come back.

use std::time::{Duration, Instant};

use crate::common::{Cluster, PATIENCE, SECOND, found, identities, idle, run};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::members::MemberChange;
use ridethrough_raft::{Changed, MembersRefusal, ProbeError, Role};

async fn founded() -> Cluster {
    let cluster = Cluster::started().await;
    cluster.all_see(cluster.propose(found()).await.seen).await;
    cluster
}

const fn forget(id: u16) -> MemberChange {
    MemberChange::Forget { replica: ReplicaId(id), although_alive: false }
}

fn add(cluster: &Cluster, id: u16) -> MemberChange {
    MemberChange::Add { replica: ReplicaId(id), address: cluster.peers[&ReplicaId(id)] }
}

/// Asks whoever leads; again, while what is asked depends on how lately somebody was heard.
async fn change(cluster: &Cluster, change: MemberChange) -> Changed {
    let began = Instant::now();
    loop {
        let leader = cluster.leader().await;
        match cluster.replicas[&leader].change_members(&change, PATIENCE).await {
            Ok(changed) => return changed,
            Err(refusal) => assert!(began.elapsed() < PATIENCE, "{change:?}: {refusal}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A follower, and the one who is neither that nor the leader.
async fn followers(cluster: &Cluster) -> (u16, u16) {
    let leader = cluster.leader().await;
    (leader % 3 + 1, (leader + 1) % 3 + 1)
}

async fn wait_until_forgotten(cluster: &Cluster, id: u16, forgotten: bool) {
    let began = Instant::now();
    while cluster.replicas[&id].status().forgotten != forgotten {
        assert!(began.elapsed() < PATIENCE, "{:?}", cluster.statuses());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn all_see_another(cluster: &Cluster) {
    cluster.all_see(cluster.propose(idle()).await.seen).await;
}

#[test]
fn a_dead_replica_is_replaced_by_a_new_one_which_then_carries_the_cluster() {
    run(async {
        let mut cluster = founded().await;
        let (dead, other) = followers(&cluster).await;
        cluster.stop(dead).await;
        let left = change(&cluster, forget(dead)).await;
        assert_eq!(left.voters.len(), 2);
        cluster.peers.remove(&ReplicaId(dead));
        cluster.peers.insert(ReplicaId(4), cluster.fourth_address());
        cluster.start(4).await.expect("starts");
        let joined = change(&cluster, add(&cluster, 4)).await;
        assert!(joined.voters.contains(&ReplicaId(4)) && !joined.voters.contains(&ReplicaId(dead)), "{joined:?}");
        all_see_another(&cluster).await;
        // Whoever is left of the first three cannot do it alone.
        cluster.stop(other).await;
        all_see_another(&cluster).await;
        cluster.start(other).await.expect("starts again");
        all_see_another(&cluster).await;
    });
}

#[test]
fn the_same_number_joins_anew_at_another_address_with_an_empty_folder() {
    run(async {
        let mut cluster = founded().await;
        let (dead, other) = followers(&cluster).await;
        cluster.stop(dead).await;
        change(&cluster, forget(dead)).await;
        cluster.peers.insert(ReplicaId(dead), cluster.fourth_address());
        let leader = cluster.leader().await;
        // Its old log, at the new address: it may hold what nobody here knows of.
        cluster.start(dead).await.expect("starts");
        let told = cluster.replicas[&leader].change_members(&add(&cluster, dead), SECOND).await;
        assert_eq!(told, Err(MembersRefusal::Newcomer(ProbeError::NotEmpty { replica: ReplicaId(dead) })));
        cluster.stop(dead).await;
        std::fs::remove_dir_all(cluster.dir(dead)).expect("it was there");
        cluster.start(dead).await.expect("starts");
        change(&cluster, add(&cluster, dead)).await;
        all_see_another(&cluster).await;
        // The others' files still say the old address; the log knows better, also after a restart.
        cluster.stop(other).await;
        let mut config = cluster.config(other);
        config.peers.insert(ReplicaId(dead), "127.0.0.1:9".parse().expect("an address"));
        let replica = ridethrough_raft::Replica::start(config, Box::new(|| {})).await.expect("starts");
        cluster.replicas.insert(other, replica);
        let leader = cluster.leader().await;
        assert_ne!(leader, 0);
        all_see_another(&cluster).await;
    });
}

#[test]
fn a_forgotten_replica_that_comes_back_is_refused_says_so_and_disturbs_nobody() {
    run(async {
        let mut cluster = founded().await;
        let (gone, _) = followers(&cluster).await;
        cluster.stop(gone).await;
        change(&cluster, forget(gone)).await;
        let before = cluster.propose(idle()).await;
        // The shortest windows: it would stand before anybody else.
        cluster.start(gone).await.expect("starts");
        wait_until_forgotten(&cluster, gone, true).await;
        let (term, leader) = (before.at.term, before.at.leader.0);
        // Longer than many of its windows.
        tokio::time::sleep(2 * SECOND).await;
        let status = cluster.replicas[&gone].status();
        assert!(status.term <= term && matches!(status.role, Role::Follower | Role::Learner), "{status:?}");
        assert_eq!((cluster.propose(idle()).await.at.term, cluster.leader().await), (term, leader), "{status:?}");
    });
}

#[test]
fn a_living_replica_is_forgotten_only_on_demand_and_finds_out() {
    run(async {
        let cluster = founded().await;
        let (alive, other) = followers(&cluster).await;
        let leader = cluster.leader().await;
        let ask = |of: u16, change: MemberChange| cluster.replicas[&of].may_change(&change);
        assert_eq!(ask(leader, forget(alive)), Err(MembersRefusal::Alive(ReplicaId(alive))));
        assert_eq!(ask(leader, forget(leader)), Err(MembersRefusal::Leads(ReplicaId(leader))));
        assert_eq!(ask(leader, forget(9)), Err(MembersRefusal::Unknown(ReplicaId(9))));
        let not_leader = MembersRefusal::NotLeader { leader: Some(ReplicaId(leader)) };
        assert_eq!(ask(other, forget(alive)), Err(not_leader));
        change(&cluster, MemberChange::Forget { replica: ReplicaId(alive), although_alive: true }).await;
        wait_until_forgotten(&cluster, alive, true).await;
        cluster.propose(idle()).await;
    });
}

#[test]
fn who_is_not_reached_or_not_of_this_cluster_does_not_join_and_a_half_done_add_is_taken_back() {
    run(async {
        let mut cluster = founded().await;
        cluster.peers.insert(ReplicaId(4), cluster.fourth_address());
        let leader = cluster.leader().await;
        let newcomer = add(&cluster, 4);
        let refused = cluster.replicas[&leader].change_members(&newcomer, SECOND).await;
        assert!(matches!(&refused, Err(MembersRefusal::Newcomer(ProbeError::Unreachable { .. }))), "{refused:?}");
        let own = cluster.identities.insert(4, identities(crate::common::CLUSTER)[&4].clone()).expect("it has one");
        cluster.start(4).await.expect("starts");
        let refused = cluster.replicas[&leader].change_members(&newcomer, SECOND).await.expect_err("a stranger");
        assert!(refused.to_string().contains("certificate"), "{refused}");
        cluster.stop(4).await;
        cluster.identities.insert(4, own);
        cluster.start(4).await.expect("starts");
        // Too little time to receive anything: it stays a learner, or it is not known yet what has become of it.
        let refused = cluster.replicas[&leader].change_members(&newcomer, Duration::from_millis(60)).await;
        if matches!(refused, Err(MembersRefusal::Behind { .. })) {
            cluster.replicas[&leader].may_change(&newcomer).expect("it can be repeated");
        }
        let voters =
            change(&cluster, MemberChange::Forget { replica: ReplicaId(4), although_alive: true }).await.voters;
        assert_eq!(voters.len(), 3);
    });
}

#[test]
fn a_whole_cluster_that_has_moved_is_found_by_the_files() {
    run(async {
        let mut cluster = founded().await;
        let last = cluster.propose(idle()).await;
        cluster.all_see(last.seen).await;
        for id in 1..=3 {
            cluster.stop(id).await;
        }
        cluster.moved = (1..=3).map(ReplicaId).collect();
        for address in cluster.peers.values_mut() {
            address.set_port(7302);
        }
        cluster.start_all().await;
        all_see_another(&cluster).await;
    });
}
