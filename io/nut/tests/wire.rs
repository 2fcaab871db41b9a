//! Over real sockets: what is answered, and what is done with who asks too much, too long, too slowly or without an end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ridethrough_core::units::Watts;
use ridethrough_nut::{Board, Desk, Fleet, Limits, Server, Ups, UpsView, Users};
use tokio::runtime::{Builder, Runtime};

const USERS: &str = "[[user]]\nname = \"host\"\npassword = \"correct-horse\"\nrole = \"secondary\"\n";
/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_secs(20);

struct Hall {
    address: SocketAddr,
    /// It serves while its runtime lives.
    _runtime: Runtime,
}

impl Hall {
    fn new(upses: usize, limits: Limits) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let text = |nth: usize| format!("the servers of tier 1 in rack {nth}");
        let ups = |nth: usize| Ups {
            name: format!("r{nth}-tier1"),
            description: text(nth),
            location: text(nth),
            tier: 1,
            limit: Watts::new(10_000),
        };
        let views = vec![UpsView { heard: true, ..UpsView::default() }; upses];
        // Nothing here is about old boards, and these tests may be slow.
        let at = Some(Instant::now() + Duration::from_hours(1));
        let board = Arc::new(ArcSwap::from_pointee(Board { at, views }));
        let fleet = Arc::new(Fleet::new((0..upses).map(ups).collect()).expect("good"));
        let desk = Desk::new(fleet, board, Some(Users::parse("nut.users", USERS).expect("good")));
        let server = runtime.block_on(Server::bind(([127, 0, 0, 1], 0).into())).expect("a free port");
        let address = server.address();
        runtime.block_on(async { server.serve(desk, limits) });
        Self { address, _runtime: runtime }
    }

    fn call(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        BufReader::new(stream)
    }
}

fn ask(talk: &mut BufReader<TcpStream>, line: &str) -> String {
    talk.get_mut().write_all(line.as_bytes()).expect("it listens");
    let mut answer = String::new();
    talk.read_line(&mut answer).expect("an answer");
    answer
}

/// Whatever still comes until the other side ends it.
fn rest(talk: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut rest = Vec::new();
    match talk.read_to_end(&mut rest) {
        Ok(_) => rest,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => rest,
        Err(error) => panic!("it was not ended: {error}"),
    }
}

#[test]
fn lines_are_answered_in_their_order_however_they_come() {
    let hall = Hall::new(2, Limits::default());
    let mut talk = hall.call();
    assert_eq!(ask(&mut talk, "GET VAR r1-tier1 ups.status\r\n"), "VAR r1-tier1 ups.status \"OL\"\n");
    talk.get_mut().write_all(b"NETVER\nGET NUMLO").expect("it listens");
    assert_eq!(ask(&mut talk, "GINS r0-tier1\nLOGOUT\n"), "1.3\n");
    assert_eq!(String::from_utf8_lossy(&rest(&mut talk)), "NUMLOGINS r0-tier1 0\nOK Goodbye\n");
}

#[test]
fn a_line_without_an_end_is_refused_and_ended() {
    let hall = Hall::new(1, Limits::default());
    let mut talk = hall.call();
    talk.get_mut().write_all(&[b'x'; 513]).expect("it listens");
    assert_eq!(String::from_utf8_lossy(&rest(&mut talk)), "ERR INVALID-ARGUMENT\n");
    let mut longest = hall.call();
    assert_eq!(ask(&mut longest, &format!("{}\n", "x".repeat(512))), "ERR UNKNOWN-COMMAND\n");
}

#[test]
fn who_is_slow_is_ended_even_when_he_drips() {
    let hall = Hall::new(1, Limits { idle: Duration::from_millis(300), ..Limits::default() });
    assert!(rest(&mut hall.call()).is_empty(), "nothing was said");
    let mut drip = hall.call();
    let begun = Instant::now();
    let ended = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        drip.get_mut().write_all(b"V").is_err()
    });
    assert!(ended && begun.elapsed() < DEADLINE, "a line has to be whole in time");
}

#[test]
fn who_does_not_read_is_ended_and_others_are_answered() {
    let limits = Limits { write: Duration::from_millis(300), requests_per_second: 1_000_000, ..Limits::default() };
    let hall = Hall::new(2_000, limits);
    let mut deaf = hall.call();
    // A hundred kilobytes for each of them: more than the system keeps for anybody.
    let sent = (0..2_000).take_while(|_| deaf.get_mut().write_all(b"LIST UPS\n").is_ok()).count();
    assert!(sent > 0);
    let mut other = hall.call();
    assert_eq!(ask(&mut other, "GET VAR r7-tier1 ups.status\n"), "VAR r7-tier1 ups.status \"OL\"\n");
    let begun = Instant::now();
    while deaf.get_mut().write_all(b"VER\n").is_ok() {
        assert!(begun.elapsed() < DEADLINE, "it was not ended");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn too_many_are_not_let_in_and_places_come_back() {
    let hall = Hall::new(1, Limits { connections_max: 2, ..Limits::default() });
    let mut held = [hall.call(), hall.call()];
    for talk in &mut held {
        assert_eq!(ask(talk, "NETVER\n"), "1.3\n");
    }
    assert!(rest(&mut hall.call()).is_empty(), "a third");
    drop(held);
    let until = Instant::now() + DEADLINE;
    loop {
        let mut talk = hall.call();
        let asked = talk.get_mut().write_all(b"NETVER\n").and_then(|()| talk.read_line(&mut String::new()));
        if asked.is_ok_and(|read| read > 0) {
            return;
        }
        assert!(Instant::now() < until, "places do not come back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_asks_too_often_waits() {
    let hall = Hall::new(1, Limits { requests_per_second: 10, ..Limits::default() });
    let mut talk = hall.call();
    let begun = Instant::now();
    (0..15).for_each(|_| assert_eq!(ask(&mut talk, "NETVER\n"), "1.3\n"));
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
}

#[test]
fn wrong_passwords_take_time_and_end_the_connection() {
    let limits = Limits { wrong_pause: Duration::from_millis(100), ..Limits::default() };
    let hall = Hall::new(1, limits);
    let mut talk = hall.call();
    ask(&mut talk, "USERNAME host\n");
    ask(&mut talk, "PASSWORD wrong-horse\n");
    let begun = Instant::now();
    (0..3).for_each(|_| assert_eq!(ask(&mut talk, "LOGIN r0-tier1\n"), "ERR ACCESS-DENIED\n"));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(rest(&mut talk).is_empty());
}
