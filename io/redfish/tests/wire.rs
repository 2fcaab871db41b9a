//! The service on a real socket, over TLS: what is no TLS, no HTTP, too large, too slow or too much is ended, and costs others nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use ridethrough_redfish::{Board, Desk, Identity, Limits, Server, Tree, Users};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than any deadline of the limits below; only what hangs meets it.
const PATIENCE: Duration = Duration::from_secs(30);
const LOGIN: &str = "{\"UserName\": \"dcim\", \"Password\": \"correct-horse\"}";
const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

/// Short, so that a test does not wait; long enough for a machine that does other things, too.
fn limits() -> Limits {
    Limits {
        handshake: Duration::from_secs(1),
        head: Duration::from_secs(1),
        body: Duration::from_secs(1),
        connections_max: 8,
        connections_of_address_max: 6,
        ..Limits::default()
    }
}

struct Hall {
    at: SocketAddr,
    connector: TlsConnector,
}

impl Hall {
    async fn open(limits: Limits) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("made");
        let identity = Identity::new(&cert.pem(), &signing_key.serialize_pem()).expect("fits");
        let text = "[[user]]\nname = \"dcim\"\npassword = \"correct-horse\"\n";
        let users = Users::parse("users", text).expect("good");
        let tree = Arc::new(Tree::new("hall".into(), "0.1.0", Vec::new(), Vec::new()));
        let board = Arc::new(ArcSwap::from_pointee(Board::default()));
        let server = Server::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
        let at = server.address();
        server.serve(Desk::new(tree, board, users, limits), &identity);
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[&rustls::version::TLS13]).expect("spoken");
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Self { at, connector: TlsConnector::from(Arc::new(config)) }
    }

    async fn call(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.at).await?;
        let name = ServerName::try_from("127.0.0.1").expect("an address");
        timeout(PATIENCE, self.connector.connect(name, stream)).await.expect("in time")
    }

    /// Everything that is answered to these bytes until the other side ends the connection.
    async fn said_to(&self, bytes: &[u8]) -> String {
        let mut stream = self.call().await.expect("a place");
        stream.write_all(bytes).await.expect("sent");
        read_all(&mut stream).await
    }

    async fn works(&self) {
        let answer = self.said_to(b"GET /redfish HTTP/1.1\r\nhost: n1\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{\"v1\":\"/redfish/v1/\"}"), "{answer}");
    }
}

async fn read_all(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut all = Vec::new();
    // Whoever is cut off may see a reset instead of an end.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("it ends");
    String::from_utf8_lossy(&all).into_owned()
}

fn post(body: &str) -> String {
    let length = body.len();
    format!("POST {SESSIONS} HTTP/1.1\r\nhost: n1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn what_is_no_request_is_ended() {
    let hall = Hall::open(limits()).await;
    for garbage in [&b"GET /redfish HTTP/1.1\r\n\r\n"[..], &[0xff; 4_096], &[0; 64]] {
        let mut stream = TcpStream::connect(hall.at).await.expect("it listens");
        stream.write_all(garbage).await.expect("sent");
        let said = read_all(&mut stream).await;
        assert!(!said.contains("HTTP"), "nothing is said in plain text: {said}");
    }
    for (request, expected) in [
        ("\u{0}\u{1}\u{2}\r\n\r\n".to_owned(), "400"),
        ("GET /redfish HTTP/9.9\r\n\r\n".to_owned(), "400"),
        (format!("GET /{} HTTP/1.1\r\nhost: n1\r\n\r\n", "x".repeat(70_000)), "431"),
        (format!("GET / HTTP/1.1\r\nhost: n1\r\nx: {}\r\n\r\n", "x".repeat(20_000)), "431"),
        (format!("GET / HTTP/1.1\r\nhost: n1\r\n{}\r\n", "a: b\r\n".repeat(100)), "431"),
    ] {
        let answer = hall.said_to(request.as_bytes()).await;
        let begin: String = request.chars().take(40).collect();
        // A head that does not fit may be cut off before all of it was taken.
        assert!(status(&answer) == expected || answer.is_empty() && request.len() > 16_384, "{begin}: {answer}");
    }
    hall.works().await;
}

#[tokio::test]
async fn a_body_is_bounded_and_only_a_login_has_one() {
    let hall = Hall::open(limits()).await;
    assert_eq!(status(&hall.said_to(post(LOGIN).as_bytes()).await), "201");
    let large = hall.said_to(post(&"x".repeat(5_000)).as_bytes()).await;
    assert!(status(&large) == "413" && large.contains("PayloadTooLarge"), "{large}");
    // Nor where nothing says how long it will be.
    let head =
        format!("POST {SESSIONS} HTTP/1.1\r\nhost: n1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunks = format!("{head}{}0\r\n\r\n", format!("400\r\n{}\r\n", "x".repeat(1_024)).repeat(5));
    assert_eq!(status(&hall.said_to(chunks.as_bytes()).await), "413");
    let elsewhere = post(LOGIN).replace(SESSIONS, "/redfish/v1/Chassis");
    assert_eq!(status(&hall.said_to(elsewhere.as_bytes()).await), "401");
    hall.works().await;
}

#[tokio::test]
async fn who_is_slow_is_sent_away() {
    let hall = Hall::open(limits()).await;
    // No TLS at all, half a head, half a body, nothing more on a connection that was used.
    let mut silent = TcpStream::connect(hall.at).await.expect("it listens");
    assert_eq!(read_all(&mut silent).await, "");
    let begun = Instant::now();
    let half_head = hall.said_to(b"GET /redfish HTTP/1.1\r\nhos").await;
    assert!(begun.elapsed() >= limits().head && !half_head.starts_with("HTTP/1.1 200"), "{half_head}");
    let request = post(LOGIN);
    let cut = hall.said_to(&request.as_bytes()[..request.len() - 4]).await;
    assert!(status(&cut) == "408" && cut.contains("UnrecognizedRequestBody"), "{cut}");
    let kept = hall.said_to(b"GET /redfish HTTP/1.1\r\nhost: n1\r\n\r\n").await;
    assert!(kept.starts_with("HTTP/1.1 200 OK") && kept.ends_with('}'), "{kept}");
    hall.works().await;
}

#[tokio::test]
async fn one_address_does_not_take_all_places() {
    let limits = Limits { head: PATIENCE, ..limits() };
    let hall = Hall::open(limits).await;
    let mut held = Vec::new();
    for _ in 0..limits.connections_of_address_max {
        held.push(hall.call().await.expect("a place"));
    }
    assert!(hall.call().await.is_err(), "there is no place");
    drop(held);
    let until = Instant::now() + PATIENCE;
    while hall.call().await.is_err() {
        assert!(Instant::now() < until, "places come back");
    }
    hall.works().await;
}

#[tokio::test]
async fn a_wrong_password_takes_its_time_and_holds_up_nobody() {
    let limits = limits();
    let hall = Hall::open(limits).await;
    let wrong = post("{\"UserName\": \"dcim\", \"Password\": \"wrong-horse\"}");
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(hall.said_to(wrong.as_bytes()), hall.works());
    assert!(status(&answer) == "401" && begun.elapsed() >= limits.wrong_pause, "{answer}");
    // So often that even the right one is not looked at any more.
    let guesses = (1..limits.wrong_max).map(|_| async {
        // Not more at once than one address may have.
        hall.said_to(wrong.as_bytes()).await
    });
    for guess in guesses {
        assert_eq!(status(&guess.await), "401");
    }
    let barred = hall.said_to(post(LOGIN).as_bytes()).await;
    assert!(status(&barred) == "503" && barred.contains("retry-after: "), "{barred}");
}

#[tokio::test]
async fn a_connection_that_stays_is_asked_to_go() {
    let limits = Limits { connection: Duration::from_secs(1), head: PATIENCE, parting: PATIENCE, ..limits() };
    let hall = Hall::open(limits).await;
    let begun = Instant::now();
    let kept = hall.said_to(b"GET /redfish HTTP/1.1\r\nhost: n1\r\n\r\n").await;
    assert!(begun.elapsed() >= limits.connection && begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert!(kept.starts_with("HTTP/1.1 200 OK"), "{kept}");
}
