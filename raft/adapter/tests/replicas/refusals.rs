//! What keeps a replica from starting, and whom it does not talk to.

use std::time::Duration;

use crate::common::{CLUSTER, Cluster, found, idle, run, segment};
use ridethrough_raft::audit_read::{AuditReadError, read_log};
use ridethrough_raft::{Replica, StartError};
use ridethrough_raft_log::{Log, LogConfig, LogEntry, SEGMENT_BYTES_DEFAULT};

#[test]
fn a_port_in_use_is_named() {
    run(async {
        let mut cluster = Cluster::new();
        let address = cluster.config(1).listen;
        let _taken = std::net::TcpListener::bind(address).expect("free until now");
        let error = cluster.start(1).await.expect_err("taken");
        assert!(matches!(error, StartError::Bind { .. }));
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert!(!cluster.dir(1).exists(), "nothing was touched");
    });
}

#[test]
fn the_log_of_another_cluster_is_refused() {
    run(async {
        let mut cluster = Cluster::new();
        cluster.start(1).await.expect("starts");
        cluster.stop(1).await;
        let mut config = cluster.config(1);
        config.cluster = *b"another-cluster!";
        config.tls = crate::common::identities(config.cluster)[&1].clone();
        let error = Replica::start(config, Box::new(|| {})).await.err().expect("refused").to_string();
        assert!(error.contains(&segment(&cluster.dir(1)).display().to_string()), "{error}");
        assert!(error.contains("cluster"), "{error}");
    });
}

#[test]
fn a_directory_in_use_is_refused() {
    run(async {
        let mut cluster = Cluster::new();
        cluster.start(1).await.expect("starts");
        let mut config = cluster.config(2);
        config.dir = cluster.dir(1);
        let error = Replica::start(config, Box::new(|| {})).await.err().expect("refused").to_string();
        assert!(error.contains(&cluster.dir(1).display().to_string()), "{error}");
    });
}

#[test]
fn a_damaged_segment_is_refused_with_its_name() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        for _ in 0..10 {
            cluster.propose(idle()).await;
        }
        cluster.stop(2).await;
        let file = segment(&cluster.dir(2));
        let mut bytes = std::fs::read(&file).expect("reads");
        bytes[200] ^= 1;
        std::fs::write(&file, bytes).expect("writes");
        let error = cluster.start(2).await.expect_err("damaged").to_string();
        assert!(error.contains(&file.display().to_string()) && error.contains("offset"), "{error}");
        assert!(matches!(read_log(&cluster.dir(2)), Err(AuditReadError::Read(_))));
        // The others go on.
        cluster.propose(idle()).await;
    });
}

#[test]
fn a_damaged_snapshot_is_refused_with_its_name() {
    run(async {
        let mut cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let leader = cluster.leader().await;
        assert!(cluster.replicas[&leader].compact(crate::common::PATIENCE).await);
        cluster.stop(leader).await;
        let file = cluster.dir(leader).join("snapshot/snapshot.bin");
        let mut bytes = std::fs::read(&file).expect("reads");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&file, bytes).expect("writes");
        let error = cluster.start(leader).await.expect_err("damaged").to_string();
        assert!(error.contains(&file.display().to_string()), "{error}");
    });
}

#[test]
fn a_peer_of_another_cluster_is_not_heard() {
    run(async {
        let mut cluster = Cluster::new();
        cluster.start(1).await.expect("starts");
        cluster.start(2).await.expect("starts");
        let mut stranger = cluster.config(3);
        stranger.cluster = *b"another-cluster!";
        stranger.tls = crate::common::identities(stranger.cluster)[&3].clone();
        let stranger = Replica::start(stranger, Box::new(|| {})).await.expect("starts");
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The third member has not been met, so nothing is founded.
        assert_eq!(stranger.status().last_index, None);
        assert!(cluster.statuses().iter().all(|(_, status)| status.committed_index.is_none()));
    });
}

#[test]
fn an_older_releases_log_is_refused_by_replica_and_auditor_and_both_versions_are_named() {
    run(async {
        let mut cluster = Cluster::new();
        let older =
            LogConfig { dir: cluster.dir(1).join("log"), cluster: CLUSTER, segment_bytes: SEGMENT_BYTES_DEFAULT };
        let log = Log::open(older).expect("makes a log");
        // Each begins with the version of its encoding.
        log.save_vote(vec![1; 18], |_| {});
        log.append(vec![LogEntry { index: 0, payload: vec![1; 29] }], |_| {});
        drop(log);
        let refused = cluster.start(1).await.expect_err("older");
        assert!(matches!(refused, StartError::Undecodable { what: "vote", .. }), "{refused}");
        let read = read_log(&cluster.dir(1)).expect_err("older");
        for error in [refused.to_string(), read.to_string()] {
            assert!(error.contains("encoding version 1, this release reads version 2"), "{error}");
            assert!(error.contains(&cluster.dir(1).display().to_string()), "{error}");
        }
    });
}

#[test]
fn contradicting_windows_are_refused() {
    run(async {
        let cluster = Cluster::new();
        let mut config = cluster.config(1);
        config.election = Duration::from_millis(10)..Duration::from_millis(15);
        let error = Replica::start(config, Box::new(|| {})).await.err().expect("refused");
        assert!(matches!(error, StartError::Config { .. }), "{error}");
    });
}

#[test]
fn another_replicas_certificate_is_refused_before_anything_is_touched() {
    run(async {
        let cluster = Cluster::new();
        let mut config = cluster.config(1);
        config.tls = cluster.identities[&2].clone();
        let error = Replica::start(config, Box::new(|| {})).await.err().expect("refused");
        assert!(matches!(&error, StartError::Config { reason } if reason.contains("certificate")), "{error}");
        assert!(!cluster.dir(1).exists(), "nothing was touched");
    });
}
