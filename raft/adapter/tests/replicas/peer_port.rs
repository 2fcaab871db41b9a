//! What arrives at the peer port from elsewhere does no harm.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::common::{Cluster, found, idle, run};

/// Sends bytes and reads until the replica ends the connection.
fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("sets");
    stream.write_all(bytes).expect("sent");
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the connection stays open: {error}"),
    }
    answer
}

#[test]
fn garbage_is_cut_off_and_the_cluster_goes_on() {
    run(async {
        let cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let address = cluster.config(1).listen;
        let huge = [0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0];
        for bytes in [&b"GET / HTTP/1.1\r\nHost: rack\r\n\r\n"[..], &huge, &[0; 64], &[]] {
            let bytes = bytes.to_vec();
            let answer = tokio::task::spawn_blocking(move || answer_to(address, &bytes)).await.expect("runs");
            // A record of TLS with two bytes, level and reason.
            let alert = answer.len() == 7 && answer.starts_with(&[21, 3]);
            assert!(answer.is_empty() || alert, "no more than an alert is told to a stranger: {answer:?}");
        }
        cluster.propose(idle()).await;
    });
}

#[test]
fn a_crowd_of_silent_callers_is_sent_away() {
    run(async {
        let cluster = Cluster::started().await;
        let founded = cluster.propose(found()).await;
        cluster.all_see(founded.seen).await;
        let address = cluster.config(2).listen;
        let crowd: Vec<_> = (0..100).map(|_| TcpStream::connect(address).expect("the kernel takes it")).collect();
        for _ in 0..20 {
            cluster.propose(idle()).await;
        }
        drop(crowd);
        cluster.all_see(cluster.propose(idle()).await.seen).await;
    });
}
