//! What a sender is answered, over loopback.

mod desk;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use desk::{MAPPING, S1, WriteRequest, compress, mapping, series, site};
use prost::Message as _;
use ridethrough_intake::{Intake, Limits, Server, Signal, Token};

const V1: &str = "application/x-protobuf";
const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

struct Served {
    address: SocketAddr,
    intake: Arc<Intake>,
    _runtime: tokio::runtime::Runtime,
}

impl Served {
    fn new(limits: Limits, token: Option<&str>) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let intake = Arc::new(Intake::new(&site(), mapping(MAPPING), limits, Instant::now()));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = runtime.block_on(Server::bind(any)).expect("loopback has free ports");
        let address = server.address();
        let token = token.map(|token| Token::parse(token).expect("good"));
        runtime.block_on(async { server.serve(Arc::clone(&intake), token) });
        Self { address, intake, _runtime: runtime }
    }

    fn open() -> Self {
        Self::new(Limits::default(), None)
    }

    /// Sends these bytes as they are; returns the whole answer.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
        stream.write_all(request).expect("it reads");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    fn post(&self, headers: &str, body: &[u8]) -> String {
        let head = format!(
            "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    fn push(&self, content_type: &str, body: &[u8]) -> String {
        self.post(&format!("Content-Type: {content_type}\r\nContent-Encoding: snappy\r\n"), body)
    }
}

fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("not yet")
}

fn cores(samples: &[(i64, f64)]) -> Vec<u8> {
    let samples: Vec<_> = samples.iter().map(|(before, value)| (unix_ms() - before - desk::T, *value)).collect();
    let series = series(&[("__name__", "busy_cores"), ("instance", "10.0.0.1:9100")], &samples);
    compress(&WriteRequest { timeseries: vec![series] }.encode_to_vec())
}

fn check(answer: &str, status: u16, expected: &[&str]) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "expected {status}: {answer}");
    for part in expected {
        assert!(answer.contains(part), "expected `{part}` in `{answer}`");
    }
}

#[test]
fn what_is_good_is_taken_and_answered_with_nothing() {
    let served = Served::open();
    let answer = served.push(V1, &cores(&[(2_000, 4.0)]));
    check(&answer, 204, &[]);
    assert!(!answer.contains("written") && answer.ends_with("\r\n\r\n"), "{answer}");
    let reading = served.intake.signals().read(S1, Signal::Workload, Instant::now()).expect("heard");
    assert!((reading.value - 4.0).abs() < 1e-9 && reading.age >= Duration::from_secs(2), "{reading:?}");
}

#[test]
fn the_second_version_is_told_how_much_was_written() {
    let served = Served::open();
    let written = ["x-prometheus-remote-write-samples-written: 3", "histograms-written: 1", "exemplars-written: 1"];
    let answer = served.push(V2, include_bytes!("../vectors/v2.snappy"));
    // The vectors are older than any mapping allows, but two samples are not mapped and one is an end.
    check(&answer, 400, &["5 of 9 samples refused: 5 old"]);
    check(&answer, 400, &written);
    let none = "x-prometheus-remote-write-samples-written: 0";
    check(&served.push(V2, b"nonsense"), 400, &[none, "snappy"]);
}

#[test]
fn some_bad_samples_do_not_cost_the_good_ones() {
    let served = Served::open();
    check(&served.push(V1, &cores(&[(3_000, f64::NAN), (2_000, 5.0)])), 400, &["1 of 2 samples refused: 1 not_finite"]);
    assert!(served.intake.signals().read(S1, Signal::Workload, Instant::now()).is_some());
}

#[test]
fn what_is_not_understood_is_said_so() {
    let served = Served::open();
    let body = cores(&[(0, 1.0)]);
    check(&served.push("application/json", &body), 415, &["expected Content-Encoding"]);
    check(&served.push("application/x-protobuf;proto=other.Message", &body), 415, &[]);
    check(&served.post(&format!("Content-Type: {V1}\r\nContent-Encoding: gzip\r\n"), &body), 415, &[]);
    check(&served.post(&format!("Content-Type: {V1}\r\n"), &body), 415, &[]);
    check(&served.post("", &body), 415, &[]);
    check(&served.raw(b"GET /api/v1/write HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 405, &["allow: POST"]);
    check(&served.raw(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), 404, &[]);
    check(&served.raw(b"nonsense\r\n\r\n"), 400, &[]);
    let many: String = (0..100).map(|nth| format!("X-{nth}: x\r\n")).collect();
    check(&served.post(&many, &body), 431, &[]);
}

#[test]
fn what_is_too_large_is_refused_by_its_length_and_by_its_bytes() {
    let served = Served::new(Limits { body_bytes_max: 2_048, message_bytes_max: 4_096, ..Limits::default() }, None);
    check(&served.push(V1, &[0; 2_049]), 413, &["2048"]);
    let chunk = format!("800\r\n{}\r\n", "x".repeat(0x800));
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nContent-Type: {V1}\r\nContent-Encoding: snappy\r\n\r\n"
    );
    check(&served.raw(format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes()), 413, &[]);
    check(&served.push(V1, &compress(&[0; 4_097])), 413, &["the message has 4097 bytes"]);
}

#[test]
fn only_who_knows_the_token_is_heard() {
    let served = Served::new(Limits::default(), Some("correct-horse-battery"));
    let body = cores(&[(0, 1.0)]);
    let with =
        |header: &str| served.post(&format!("Content-Type: {V1}\r\nContent-Encoding: snappy\r\n{header}"), &body);
    check(&with(""), 401, &["www-authenticate: Bearer"]);
    check(&with("Authorization: Bearer wrong-horse-battery\r\n"), 401, &[]);
    check(&with("Authorization: Bearer correct-horse-battery\r\n"), 204, &[]);
}

#[test]
fn too_many_requests_are_told_to_come_again() {
    let served = Served::new(Limits { requests_per_second_max: 2, ..Limits::default() }, None);
    let answers: Vec<_> = (0..4).map(|nth| served.push(V1, &cores(&[(1_000 - nth, 1.0)]))).collect();
    let refused = answers.iter().find(|answer| answer.starts_with("HTTP/1.1 429 ")).expect("at most two at once");
    check(refused, 429, &["retry-after: 1"]);
}

#[test]
fn a_slow_body_holds_nobody_up_for_long() {
    let limits = Limits { requests_at_once_max: 1, read_seconds_max: 1, ..Limits::default() };
    let served = Served::new(limits, None);
    let mut slow = TcpStream::connect(served.address).expect("it listens");
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Type: {V1}\r\nContent-Encoding: snappy\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).expect("it reads");
    std::thread::sleep(Duration::from_millis(200));
    check(&served.push(V1, &cores(&[(0, 1.0)])), 503, &["retry-after: 1"]);
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408");
    check(&served.push(V1, &cores(&[(0, 1.0)])), 204, &[]);
}

#[test]
fn connections_are_limited() {
    let served = Served::new(Limits { connections_max: 2, ..Limits::default() }, None);
    let idle: Vec<_> = (0..2).map(|_| TcpStream::connect(served.address).expect("it listens")).collect();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(served.push(V1, &cores(&[(0, 1.0)])), "", "closed at once");
    drop(idle);
    std::thread::sleep(Duration::from_millis(200));
    check(&served.push(V1, &cores(&[(0, 1.0)])), 204, &[]);
}

#[test]
fn a_port_in_use_is_named() {
    let served = Served::open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let error = runtime.block_on(Server::bind(served.address)).expect_err("taken").to_string();
    assert!(error.contains(&format!("intake.listen: cannot bind {}", served.address)), "{error}");
}
