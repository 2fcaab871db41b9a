//! Leadership that goes to another replica on purpose.

use std::time::{Duration, Instant};

use crate::common::{Cluster, PATIENCE, SECOND, entry, found, idle, run};
use ridethrough_core::device::ReplicaId;
use ridethrough_raft::{HandoverRefusal, Replica, Role};

/// A cluster whose members all have the founding entry, and who leads it.
async fn founded() -> (Cluster, u16) {
    let cluster = Cluster::started().await;
    cluster.all_see(cluster.propose(found()).await.seen).await;
    let leader = cluster.leader().await;
    (cluster, leader)
}

/// Until the peer may be handed over to, or the refusal that stays.
async fn settled(replica: &Replica, to: u16, expected: impl Fn(&Result<(), HandoverRefusal>) -> bool) {
    let began = Instant::now();
    loop {
        let told = replica.may_hand_over(ReplicaId(to));
        if expected(&told) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "n{to}: {told:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Until the leader knows that the peer has everything. The peer may have applied an entry before the leader hears of it.
async fn caught_up(replica: &Replica, to: u16) {
    let lag = || replica.status().lag_entries.get(&ReplicaId(to)).copied();
    settled(replica, to, |told| told.is_ok() && lag() == Some(0)).await;
}

#[test]
fn a_leader_hands_over_to_the_peer_that_was_named() {
    run(async {
        let (cluster, leader) = founded().await;
        for to in [leader % 3 + 1, (leader + 1) % 3 + 1, leader] {
            let old = cluster.leader().await;
            let replica = &cluster.replicas[&old];
            caught_up(replica, to).await;
            let term = replica.status().term;
            let ceded = replica.cede(ReplicaId(to)).expect("nothing is against it");
            assert_eq!(replica.status().leadership_until, None, "it vouches for nothing before anybody is told");
            let after = replica.hand_over(ceded, SECOND).await.expect("elected");
            assert_eq!((after.leader, after.term), (ReplicaId(to), term + 1));
            assert_eq!(cluster.leader().await, to);
            cluster.propose(idle()).await;
        }
    });
}

#[test]
fn what_speaks_against_it_is_named_and_the_leader_leads_on() {
    run(async {
        let (mut cluster, leader) = founded().await;
        let (gone, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
        settled(&cluster.replicas[&leader], gone, Result::is_ok).await;
        let told = |of: u16, to: u16| cluster.replicas[&of].may_hand_over(ReplicaId(to));
        assert_eq!(told(other, gone), Err(HandoverRefusal::NotLeader { leader: Some(ReplicaId(leader)) }));
        assert_eq!(told(leader, leader), Err(HandoverRefusal::LeadsAlready));
        assert_eq!(told(leader, 9), Err(HandoverRefusal::NoVoter { replica: ReplicaId(9) }));
        cluster.stop(gone).await;
        let unreachable = Err(HandoverRefusal::Unreachable { replica: ReplicaId(gone) });
        let replica = &cluster.replicas[&leader];
        settled(replica, gone, |told| *told == unreachable).await;
        cluster.propose(idle()).await;
        assert_eq!(cluster.leader().await, leader);
    });
}

#[test]
fn leadership_that_was_ceded_is_taken_back_while_nobody_was_told() {
    run(async {
        let (cluster, leader) = founded().await;
        let (replica, to) = (&cluster.replicas[&leader], leader % 3 + 1);
        settled(replica, to, Result::is_ok).await;
        let ceded = replica.cede(ReplicaId(to)).expect("nothing is against it");
        assert_eq!(replica.may_hand_over(ReplicaId(to)), Err(HandoverRefusal::Underway));
        replica.resume(ceded);
        settled(replica, to, Result::is_ok).await;
        assert!(replica.status().leadership_until.is_some());
        cluster.propose(idle()).await;
    });
}

#[test]
fn a_peer_that_fails_in_that_very_moment_costs_an_ordinary_election() {
    run(async {
        let (mut cluster, leader) = founded().await;
        let to = leader % 3 + 1;
        caught_up(&cluster.replicas[&leader], to).await;
        let term = cluster.replicas[&leader].status().term;
        let ceded = cluster.replicas[&leader].cede(ReplicaId(to)).expect("nothing is against it");
        cluster.stop(to).await;
        // What was acknowledged cannot be taken back, so it is told all the same.
        let after = cluster.replicas[&leader].hand_over(ceded, PATIENCE).await;
        let next = cluster.leader().await;
        assert!(next != to && cluster.replicas[&next].status().term > term, "{after:?}: {:?}", cluster.statuses());
        cluster.propose(idle()).await;
    });
}

/// Commits so many entries, 64 at a time.
async fn fill(replica: &Replica, by: u16, entries: usize) {
    for _ in 0..entries.div_ceil(64) {
        let seen = replica.ledger().seen();
        let proposals = (0..64).map(|_| replica.propose(entry(by, seen, idle()), PATIENCE));
        futures::future::try_join_all(proposals).await.expect("committed");
    }
}

/// Until the peer leads, has applied all of its log and is confirmed.
async fn ready(replica: &Replica) {
    let is_ready = || {
        let status = replica.status();
        status.role == Role::Leader && status.applied_index == status.last_index && status.leadership_until.is_some()
    };
    while !is_ready() {
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

/// `cargo test --release -p ridethrough-raft --test replicas handover::by_hand -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, for a quiet machine"]
fn by_hand_how_long_a_handover_takes_with_a_long_log() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let measured = async {
        let (cluster, _) = founded().await;
        for entries in [100, 3_000, 15_000] {
            let leader = cluster.leader().await;
            fill(&cluster.replicas[&leader], leader, entries).await;
            let mut micros = Vec::new();
            for _ in 0..40 {
                let old = cluster.leader().await;
                let (replica, to) = (&cluster.replicas[&old], old % 3 + 1);
                settled(replica, to, Result::is_ok).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
                let ceded = replica.cede(ReplicaId(to)).expect("nothing is against it");
                let began = Instant::now();
                let (after, ()) = tokio::join!(replica.hand_over(ceded, SECOND), ready(&cluster.replicas[&to]));
                micros.push(began.elapsed().as_micros());
                after.expect("elected");
            }
            micros.sort_unstable();
            println!("{entries} more entries: p50 {} us, p90 {} us, max {} us", micros[20], micros[36], micros[39]);
        }
    };
    let runtime = runtime.expect("a runtime");
    let measured = async { tokio::time::timeout(6 * PATIENCE, measured).await.expect("in time") };
    // On the runtime's own thread, where Raft is, too.
    runtime.block_on(runtime.spawn(measured)).expect("no panic");
}
