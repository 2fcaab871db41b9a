//! Three replicas that agree, lose each other and come back.

use std::time::{Duration, Instant};

use crate::common::{CALM, Cluster, PATIENCE, Pace, SECOND, entry, found, idle, run};
use ridethrough_core::command::{Command, Seen};
use ridethrough_core::ledger::Effect;
use ridethrough_raft::audit_read::{AuditContent, read_log};
use ridethrough_raft::{ProposeError, Role};

#[test]
fn three_replicas_agree_on_a_hundred_entries() {
    run(async {
        let cluster = Cluster::started().await;
        assert_eq!(cluster.propose(found()).await.effect, Some(Effect::Founded));
        let mut last = None;
        for _ in 0..100 {
            let response = cluster.propose(idle()).await;
            assert_eq!(response.effect, Some(Effect::Admitted { orders: 0 }));
            last = Some(response.seen);
        }
        cluster.all_see(last.expect("a hundred")).await;
        let leaders = cluster.statuses().iter().filter(|(_, status)| status.role == Role::Leader).count();
        assert_eq!(leaders, 1);
    });
}

#[test]
fn a_follower_refuses_proposals_and_names_the_leader() {
    run(async {
        let cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let leader = cluster.leader().await;
        let (_, follower) = cluster.replicas.iter().find(|(id, _)| **id != leader).expect("two of them");
        let refused = follower.propose(entry(leader, Seen::default(), idle()), SECOND).await;
        assert!(matches!(refused, Err(ProposeError::NotLeader { leader: Some(id) }) if id.0 == leader), "{refused:?}");
    });
}

#[test]
fn a_leader_whose_process_is_gone_is_followed_though_its_lease_runs_on() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.all_see(cluster.propose(found()).await.seen).await;
        // From now on nobody would stand by his timer before the test has given up.
        let leader = cluster.leader().await;
        cluster.pace = Pace { first: 2 * PATIENCE, step: SECOND, width: SECOND / 2, ..CALM };
        for follower in (1..=3).filter(|id| *id != leader) {
            cluster.stop(follower).await;
            cluster.start(follower).await.expect("starts again");
            cluster.all_see(cluster.propose(idle()).await.seen).await;
        }
        for _ in 0..3 {
            cluster.all_see(cluster.propose(idle()).await.seen).await;
            let old = cluster.leader().await;
            let term = cluster.replicas[&old].status().term;
            cluster.stop(old).await;
            cluster.propose(idle()).await;
            let new = cluster.leader().await;
            assert_eq!(cluster.replicas[&new].status().term, term + 1, "one election, and nobody in each other's way");
            cluster.start(old).await.expect("starts again");
        }
    });
}

#[test]
fn the_leaders_death_costs_a_pause_and_it_comes_back() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let before = cluster.propose(idle()).await;
        let old = cluster.leader().await;
        let began = Instant::now();
        cluster.stop(old).await;
        let after = cluster.propose(idle()).await;
        println!("failover with windows of 100-140, 150-190 and 200-240 ms: {:?}", began.elapsed());
        assert!(after.at.term > before.at.term && after.at.index > before.at.index);
        let last = cluster.propose(idle()).await;
        cluster.start(old).await.expect("starts again");
        cluster.all_see(last.seen).await;
    });
}

#[test]
fn all_three_restart_and_nothing_is_lost() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let last = cluster.propose(idle()).await;
        cluster.all_see(last.seen).await;
        for id in 1..=3 {
            cluster.stop(id).await;
        }
        for id in 1..=3 {
            cluster.start(id).await.expect("starts again");
            assert_eq!(cluster.replicas[&id].ledger().seen(), last.seen, "n{id} replays what it knew to be committed");
        }
        assert!(cluster.propose(idle()).await.at.index > last.at.index);
    });
}

#[test]
fn whatever_was_acknowledged_outlives_any_row_of_restarts() {
    run(async {
        let mut cluster = Cluster::started().await;
        let mut acknowledged = vec![cluster.propose(found()).await];
        // The same row in every run; each step stops one replica or starts the one that is down.
        let (mut dice, mut down) = (20_u32, None);
        for _ in 0..30 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if let Some(id) = down.take() {
                cluster.start(id).await.expect("starts again");
            } else {
                let id = u16::try_from((dice >> 16) % 3).expect("small") + 1;
                cluster.stop(id).await;
                down = Some(id);
            }
            acknowledged.push(cluster.propose(idle()).await);
        }
        if let Some(id) = down {
            cluster.start(id).await.expect("starts again");
        }
        let last = cluster.propose(idle()).await;
        cluster.all_see(last.seen).await;
        for id in 1..=3 {
            cluster.stop(id).await;
            let log = read_log(&cluster.dir(id)).expect("reads");
            for response in &acknowledged {
                assert!(log.committed().any(|entry| entry.at == response.at), "n{id} lost {:?}", response.at);
            }
            let terms = log.committed().map(|entry| (entry.at.term, entry.at.leader)).filter(|(term, _)| *term > 0);
            let mut leaders = std::collections::BTreeMap::new();
            for (term, leader) in terms {
                assert_eq!(*leaders.entry(term).or_insert(leader), leader, "two leaders in term {term}");
            }
        }
    });
}

#[test]
fn a_replica_that_lost_its_disk_is_filled_from_a_snapshot() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        for _ in 0..20 {
            cluster.propose(idle()).await;
        }
        let leader = cluster.leader().await;
        assert!(cluster.replicas[&leader].compact(5 * SECOND).await, "{:?}", cluster.statuses());
        let emptied = cluster.refill_a_follower(leader).await;
        assert!(cluster.replicas[&emptied].status().snapshot_index.is_some(), "{:?}", cluster.statuses());
        // What it holds lasts: it starts from the snapshot.
        cluster.stop(emptied).await;
        cluster.start(emptied).await.expect("starts from its snapshot");
        cluster.all_see(cluster.propose(idle()).await.seen).await;
    });
}

#[test]
fn a_replica_that_lost_its_disk_does_not_vote_before_it_knows_what_was_committed() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let leader = cluster.leader().await;
        // One follower holds nothing new, the other loses all it held, and the leader is gone.
        let (stale, wiped) = if leader == 1 { (2, 3) } else { (1, 6 - leader - 1) };
        cluster.stop(stale).await;
        let last = cluster.propose(idle()).await;
        cluster.stop(wiped).await;
        cluster.stop(leader).await;
        std::fs::remove_dir_all(cluster.dir(wiped)).expect("its directory");
        cluster.start(stale).await.expect("starts");
        cluster.start(wiped).await.expect("starts empty");
        tokio::time::sleep(2 * SECOND).await;
        assert!(cluster.statuses().iter().all(|(_, status)| status.role != Role::Leader), "{:?}", cluster.statuses());
        cluster.start(leader).await.expect("starts");
        let next = cluster.propose(idle()).await;
        assert!(next.at.index > last.at.index, "the committed entry is still there");
        cluster.all_see(next.seen).await;
    });
}

#[test]
fn leadership_is_vouched_for_while_a_majority_answers() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let leader = cluster.leader().await;
        let until = cluster.replicas[&leader].status().leadership_until.expect("a majority answers");
        assert!(until > Instant::now());
        assert!(until <= Instant::now() + Duration::from_millis(100), "no longer than the shortest election timeout");
        for id in (1..=3).filter(|&id| id != leader) {
            cluster.stop(id).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let status = cluster.replicas[&leader].status();
        assert!(status.leadership_until.is_none_or(|until| until < Instant::now()), "{status:?}");
    });
}

#[test]
fn a_proposer_who_saw_another_state_stops_every_replica() {
    run(async {
        let cluster = Cluster::started().await;
        let founded = cluster.propose(found()).await;
        let leader = cluster.leader().await;
        let other = Seen { index: founded.seen.index, hash: [7; 32] };
        let replica = &cluster.replicas[&leader];
        let refused = replica.propose(entry(leader, other, idle()), SECOND).await;
        assert!(
            matches!(&refused, Err(ProposeError::Fatal { reason }) if reason.contains("another state")),
            "{refused:?}"
        );
        assert_eq!(replica.status().role, Role::Stopped);
        assert_eq!(replica.ledger().seen(), founded.seen, "the last good state stays readable");
    });
}

#[test]
fn an_entry_that_the_log_cannot_take_is_refused_and_the_replica_lives() {
    run(async {
        let cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let leader = cluster.leader().await;
        let replica = &cluster.replicas[&leader];
        let ack = ridethrough_core::command::TimedAck {
            ack: ridethrough_core::device::Ack {
                device: ridethrough_core::device::DeviceId::Pdu(ridethrough_core::site::RackId(0)),
                fence: ridethrough_core::device::Fence::default(),
                verdict: ridethrough_core::device::Verdict::Executed,
                device_at: ridethrough_core::units::Millis::ZERO,
            },
            after_us: 0,
        };
        let transfer = ridethrough_core::command::TransferId { index: 1, nth: 0 };
        let outcome = ridethrough_core::command::Outcome { transfer, acks: vec![ack; 40_000] };
        let large = entry(leader, replica.ledger().seen(), Command::Outcome(outcome));
        let refused = replica.propose(large, SECOND).await;
        assert!(matches!(refused, Err(ProposeError::Unstorable { .. })), "{refused:?}");
        cluster.propose(idle()).await;
    });
}

#[test]
fn an_auditor_reads_what_was_committed() {
    run(async {
        let mut cluster = Cluster::started().await;
        let founded = cluster.propose(found()).await;
        let last = cluster.propose(idle()).await;
        cluster.all_see(last.seen).await;
        // The leader last: were it first, the others might elect another one, whose blank entry would come on top.
        let leader = cluster.leader().await;
        for id in (1..=3).filter(|id| *id != leader).chain([leader]) {
            cluster.stop(id).await;
        }
        let logs: Vec<_> = (1..=3).map(|id| read_log(&cluster.dir(id)).expect("reads")).collect();
        for log in &logs {
            assert_eq!(log.cluster, crate::common::CLUSTER);
            assert_eq!(log.committed_index, Some(last.at.index));
            let found_here = log.committed().find(|entry| entry.at == founded.at).expect("the founding entry");
            assert!(matches!(&found_here.content, AuditContent::Entry(entry) if entry.command == found()));
            assert!(matches!(log.entries[0].content, AuditContent::Membership(_)));
            let mut ledger = ridethrough_core::ledger::Ledger::new(crate::common::site());
            for entry in log.committed() {
                if let AuditContent::Entry(content) = &entry.content {
                    ledger.apply(entry.at, content);
                }
            }
            assert_eq!(ledger.seen(), last.seen, "a replay reproduces the state");
        }
        let places =
            |log: usize| logs[log].committed().map(|entry| (entry.at, entry.content.clone())).collect::<Vec<_>>();
        assert_eq!(places(0), places(1));
    });
}
