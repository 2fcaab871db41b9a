//! Whom a replica believes to be whom: strangers with every fault that a certificate can have call a replica that runs,
//! and are called by one, by a TLS client and server that share no code of ours.

mod common;
#[path = "peer_tls/stranger.rs"]
mod stranger;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use common::{CLUSTER, Cluster, PATIENCE, found, identity, idle};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use ridethrough_core::device::ReplicaId;
use ridethrough_pki::{Authority, Issued, PeerName, Validity};
use ridethrough_raft::{PeerPems, PeerTls};
use stranger::{Ca, DAY, Heard, Told, called, hello, impostor, peer, visit};

/// What is counted by all tests of this file.
fn counted() -> &'static PrometheusHandle {
    static COUNTED: OnceLock<PrometheusHandle> = OnceLock::new();
    COUNTED.get_or_init(|| PrometheusBuilder::new().install_recorder().expect("the first recorder"))
}

fn refusals(side: &str, reason: &str) -> u64 {
    let line = format!("ridethrough_peer_refused_total{{side=\"{side}\",reason=\"{reason}\"}} ");
    let text = counted().render();
    text.lines().find_map(|one| one.strip_prefix(&line)).map_or(0, |count| count.parse().expect("a count"))
}

async fn wait_for_refusal(side: &str, reason: &str, before: u64) {
    let began = Instant::now();
    while refusals(side, reason) <= before {
        assert!(began.elapsed() < PATIENCE, "no refusal by {reason} of the {side}: {}", counted().render());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn run(test: impl Future<Output = ()>) {
    counted();
    common::run(test);
}

/// A cluster under an authority that signs whatever it is asked to.
async fn cluster_under(ca: &Ca, revoked: Option<&str>) -> Cluster {
    let mut cluster = Cluster::new();
    let one = |id| (id, identity(CLUSTER, id, &ca.pem, &ca.issue(&[peer(id)]), revoked));
    cluster.identities = (1..=3).map(one).collect::<BTreeMap<_, _>>();
    cluster.start_all().await;
    cluster.propose(found()).await;
    cluster
}

/// A caller without a certificate, or with this one, is refused for this reason, and the cluster goes on.
async fn check(cluster: &Cluster, issued: Option<Issued>, greeting: Vec<u8>, reason: &str) {
    let (before, address) = (refusals("caller", reason), cluster.config(1).listen);
    let heard = tokio::task::spawn_blocking(move || visit(address, issued.as_ref(), &greeting)).await.expect("runs");
    // One refusal by the greeting, in the clear words of the protocol; all others by TLS.
    match heard {
        Heard::Greeting(greeting) => {
            assert_eq!((reason, &greeting[..]), ("claims_other_replica", &[1, 0, 0, 0, 6][..]));
        }
        Heard::Alert | Heard::End => assert_ne!(reason, "claims_other_replica"),
    }
    wait_for_refusal("caller", reason, before).await;
    cluster.propose(idle()).await;
}

#[test]
fn every_fault_of_a_callers_certificate_is_refused_counted_and_the_cluster_goes_on() {
    run(async {
        let ca = Ca::new();
        let revoked = ca.issue(&[peer(2)]);
        let cluster = cluster_under(&ca, Some(&ca.revoke(&revoked))).await;
        let now = SystemTime::now();
        let two = || ca.issue(&[peer(2)]);
        let at = |from, until| Some(ca.issue_at(&[peer(2)], from, until));
        let other_cluster = PeerName { cluster: *b"another-cluster!", replica: 2 }.to_string();
        let wildcard = peer(2).replacen("replica-2", "*", 1);
        check(&cluster, None, hello(2, 1), "no_certificate").await;
        check(&cluster, Some(Ca::new().issue(&[peer(2)])), hello(2, 1), "unknown_authority").await;
        check(&cluster, at(now - 2 * DAY, now - DAY), hello(2, 1), "expired").await;
        check(&cluster, at(now + DAY, now + 2 * DAY), hello(2, 1), "not_yet_valid").await;
        check(&cluster, Some(revoked), hello(2, 1), "revoked").await;
        check(&cluster, Some(ca.issue(&[other_cluster])), hello(2, 1), "other_cluster").await;
        check(&cluster, Some(ca.issue(&[wildcard])), hello(2, 1), "bad_certificate").await;
        check(&cluster, Some(ca.issue(&[peer(2), peer(3)])), hello(2, 1), "bad_certificate").await;
        check(&cluster, Some(ca.issue(&["replica-2".into()])), hello(2, 1), "bad_certificate").await;
        check(&cluster, Some(ca.issue_for_servers(&[peer(2)])), hello(2, 1), "bad_certificate").await;
        check(&cluster, Some(two()), hello(3, 1), "claims_other_replica").await;
        check(&cluster, Some(two()), b"GET / HTTP/1.1\r\n\r\n".to_vec(), "not_a_peer").await;
        // And with none of these faults:
        let address = cluster.config(1).listen;
        let issued = two();
        let genuine = tokio::task::spawn_blocking(move || visit(address, Some(&issued), &hello(2, 1)));
        let heard = genuine.await.expect("runs");
        assert!(matches!(&heard, Heard::Greeting(bytes) if bytes.starts_with(&[0; 4])), "welcome: {heard:?}");
    });
}

#[test]
fn an_authority_is_believed_for_its_own_cluster_alone() {
    run(async {
        let authority = Authority::found(CLUSTER, Validity::days(2)).expect("founded");
        let mut cluster = Cluster::new();
        for id in 1..=3 {
            let issued = authority.issue(id, Validity::days(1)).expect("issued");
            cluster.identities.insert(id, identity(CLUSTER, id, authority.certificate_pem(), &issued, None));
        }
        cluster.start_all().await;
        cluster.propose(found()).await;
        // Signed with the very key, for another cluster.
        let ca = Ca::open(authority.certificate_pem(), &authority.key_pem());
        let other = PeerName { cluster: *b"another-cluster!", replica: 2 }.to_string();
        check(&cluster, Some(ca.issue(&[other])), hello(2, 1), "bad_certificate").await;
    });
}

#[test]
fn a_slow_handshake_is_cut_off() {
    run(async {
        let cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let (before, address) = (refusals("caller", "deadline"), cluster.config(1).listen);
        let slow = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("listens");
            stream.set_read_timeout(Some(PATIENCE)).expect("sets");
            // A record of TLS that promises a ClientHello of 200 bytes, and the first four of them.
            stream.write_all(&[22, 3, 1, 0, 200, 1, 0, 0, 196]).expect("sent");
            let mut answer = Vec::new();
            let ended = stream.read_to_end(&mut answer);
            assert!(ended.is_ok() && answer.is_empty(), "{ended:?} {answer:?}");
        });
        slow.await.expect("is sent away");
        wait_for_refusal("caller", "deadline", before).await;
        cluster.propose(idle()).await;
    });
}

/// What listens at the third replica's address is called, and believed or not.
async fn check_called(ca: &Ca, issued: Issued, reason: &str) {
    let mut cluster = Cluster::new();
    for id in 1..=2 {
        cluster.identities.insert(id, identity(CLUSTER, id, &ca.pem, &ca.issue(&[peer(id)]), None));
    }
    let listener = TcpListener::bind(cluster.config(3).listen).expect("free");
    let before = refusals("called", reason);
    let caught = std::thread::spawn(move || impostor(&listener, &issued));
    cluster.start(1).await.expect("starts");
    wait_for_refusal("called", reason, before).await;
    let told = tokio::task::spawn_blocking(|| caught.join().expect("ends")).await.expect("runs");
    assert_eq!(told, Told::Nothing, "{reason}");
}

#[test]
fn an_impostor_that_is_called_hears_nothing() {
    run(async {
        let (ca, now) = (Ca::new(), SystemTime::now());
        check_called(&ca, Ca::new().issue(&[peer(3)]), "unknown_authority").await;
        check_called(&ca, ca.issue(&[peer(2)]), "other_replica").await;
        check_called(&ca, ca.issue_at(&[peer(3)], now - 2 * DAY, now - DAY), "expired").await;
        check_called(&ca, ca.issue(&[peer(3), peer(2)]), "bad_certificate").await;
    });
}

#[test]
fn nothing_goes_over_the_wire_in_the_clear() {
    run(async {
        let mut cluster = Cluster::new();
        let listener = TcpListener::bind(cluster.config(3).listen).expect("free");
        cluster.start(1).await.expect("starts");
        let first = tokio::task::spawn_blocking(move || {
            let mut stream = called(&listener);
            let mut bytes = Vec::new();
            // The caller gives up when nothing answers.
            stream.read_to_end(&mut bytes).map(|_| bytes)
        });
        let bytes = first.await.expect("runs").expect("reads to the end");
        assert!(bytes.starts_with(&[22, 3]), "a handshake of TLS: {bytes:?}");
        for word in [&b"RDTHPEER"[..], &CLUSTER, b"replica-", b"cluster-"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word), "{word:?} is in {bytes:?}");
        }
    });
}

#[test]
fn an_identity_that_does_not_fit_together_is_refused_with_the_field() {
    let (ca, now) = (Ca::new(), SystemTime::now());
    let good = ca.issue(&[peer(1)]);
    let (other_ca, other) = (Ca::new(), ca.issue(&[peer(2)]));
    let check = |pems: PeerPems<'_>, expected: &str| {
        let error = PeerTls::new(CLUSTER, ReplicaId(1), pems).map(|_| ()).expect_err(expected).to_string();
        assert!(error.contains(expected), "expected `{expected}` in `{error}`");
        assert!(!error.contains(&good.key_pem[30..60]), "a key is never shown: {error}");
    };
    let (certificate, key) = (&good.certificate_pem[..], &good.key_pem[..]);
    let pems = PeerPems { ca: &ca.pem, certificate, key, revoked: None };
    assert!(PeerTls::new(CLUSTER, ReplicaId(1), pems).is_ok(), "the test spoils what is good");
    check(PeerPems { ca: "", ..pems }, "ca: holds no PEM block `CERTIFICATE`");
    check(PeerPems { ca: certificate, ..pems }, "ca: holds a replica's certificate");
    check(PeerPems { ca: &ca.pem.repeat(3), ..pems }, "ca: holds 3 certificates, at most 2 go");
    check(PeerPems { ca: &other_ca.pem, ..pems }, "certificate: was not signed by the authority");
    check(PeerPems { certificate: &ca.pem, ..pems }, "certificate: is an authority's");
    check(PeerPems { certificate: &certificate.repeat(2), ..pems }, "certificate: holds several certificates");
    let names_two = format!("certificate: names {}, this replica is {}", peer(2), peer(1));
    check(PeerPems { certificate: &other.certificate_pem, ..pems }, &names_two);
    check(PeerPems { key: &other.key_pem, ..pems }, "key: is not the key of the certificate");
    check(PeerPems { key: &key[..80], ..pems }, "key: holds no private key in PEM");
    check(PeerPems { revoked: Some(""), ..pems }, "revoked: holds 0 lists");
    check(PeerPems { revoked: Some(&ca.revoke(&good)), ..pems }, "certificate: is revoked");
    check(
        PeerPems { revoked: Some(&other_ca.revoke(&good)), ..pems },
        "certificate: is of an authority without a list",
    );
    let at = |from, until| ca.issue_at(&[peer(1)], from, until);
    let [late, early] = [at(now - 2 * DAY, now - DAY), at(now + DAY, now + 2 * DAY)];
    check(PeerPems { certificate: &late.certificate_pem, key: &late.key_pem, ..pems }, "certificate: has expired");
    check(PeerPems { certificate: &early.certificate_pem, key: &early.key_pem, ..pems }, "is not valid yet");
}

#[test]
fn while_one_authority_replaces_the_other_both_are_believed() {
    run(async {
        let (old, new) = (Ca::new(), Ca::new());
        let mut cluster = Cluster::new();
        let both = format!("{}{}", old.pem, new.pem);
        for (id, ca) in [(1, &old), (2, &new), (3, &old)] {
            cluster.identities.insert(id, identity(CLUSTER, id, &both, &ca.issue(&[peer(id)]), None));
        }
        cluster.start_all().await;
        cluster.propose(found()).await;
        cluster.all_see(cluster.propose(idle()).await.seen).await;
    });
}

#[test]
fn the_days_that_are_left_are_told() {
    run(async {
        let (mut cluster, ca, now) = (Cluster::new(), Ca::new(), SystemTime::now());
        let issued = ca.issue_at(&[peer(1)], now - DAY, now + 12 * DAY + DAY / 2);
        cluster.identities.insert(1, identity(CLUSTER, 1, &ca.pem, &issued, None));
        let line = "ridethrough_peer_certificate_left_seconds{certificate=\"replica\"} 1036800";
        let is_told = || counted().render().lines().any(|one| one == line);
        let began = Instant::now();
        // All tests of this process share one recorder: what another one's replica tells of itself at its start may hide it.
        loop {
            cluster.start(1).await.expect("starts");
            for _ in 0..100 {
                if is_told() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(began.elapsed() < PATIENCE, "expected {line} in {}", counted().render());
            cluster.stop(1).await;
        }
    });
}
