//! Over real sockets: what tokio-modbus reads, which has nothing in common with this crate, and what is done with who asks too
//! much, too slowly, or something that is no Modbus.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ridethrough_core::units::Watts;
use ridethrough_modbus::{Board, Counts, Desk, Layout, Limits, RackShown, Server, Shown, SiteShown};
use tokio::runtime::{Builder, Runtime};
use tokio_modbus::ExceptionCode;
use tokio_modbus::client::{Context, Reader, Writer, tcp};

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_secs(20);
/// Reads register 0.
const ASK: [u8; 12] = [0, 7, 0, 0, 0, 6, 1, 4, 0, 0, 0, 1];
const ANSWER: [u8; 11] = [0, 7, 0, 0, 0, 5, 1, 4, 2, 0x52, 0x54];

struct Hall {
    address: SocketAddr,
    /// It serves while this lives.
    runtime: Runtime,
}

impl Hall {
    fn new(limits: Limits) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let layout = Layout::new(2, [0xab; 32], Counts { racks: 20, ..Counts::default() }).expect("small");
        let rack =
            |watts| RackShown { load: Some(Watts::new(watts)), limit: Watts::new(24_000), ..RackShown::default() };
        let shown = Shown {
            site: SiteShown { term: 0x1_0002, ..SiteShown::default() },
            racks: (0..20).map(|nth| rack(nth * 1_000)).collect(),
            kesms: Vec::new(),
            feeds: Vec::new(),
        };
        // Nothing here is about old boards, and these tests may be slow.
        let now = Instant::now() + Duration::from_hours(1);
        let board = Board::new(&layout, &shown, now).expect("of this site");
        let desk = Desk::new(layout, Arc::new(ArcSwap::from_pointee(board)));
        let server = runtime.block_on(Server::bind(([127, 0, 0, 1], 0).into())).expect("a free port");
        let address = server.address();
        runtime.block_on(async { server.serve(desk, limits) });
        Self { address, runtime }
    }

    fn call(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        stream
    }

    fn client(&self) -> Context {
        let stream = self.runtime.block_on(tokio::net::TcpStream::connect(self.address)).expect("it listens");
        tcp::attach(stream)
    }
}

fn ask(stream: &mut TcpStream) -> std::io::Result<[u8; 11]> {
    let mut answer = [0; 11];
    stream.write_all(&ASK)?;
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// Whatever still comes until the other side ends it.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => rest,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => rest,
        Err(error) => panic!("it was not ended: {error}"),
    }
}

#[test]
fn another_implementation_reads_what_is_told_and_is_refused_what_is_not() {
    let hall = Hall::new(Limits::default());
    let mut client = hall.client();
    hall.runtime.block_on(async {
        let input = client.read_input_registers(32, 8).await.expect("an answer").expect("read");
        assert_eq!(input, [0, 0xffff, 1, 1, 2, 0, 0, 0], "automatic, nobody known, term 65538");
        assert_eq!(client.read_holding_registers(32, 8).await.expect("an answer"), Ok(input));
        let racks = client.read_input_registers(64 + 12 * 9, 125).await.expect("an answer").expect("read");
        assert_eq!((racks.len(), &racks[..6]), (125, &[0, 90, 0xffff, 0xffff, 0, 240][..]), "the tenth rack");
        let refused = |answer: tokio_modbus::Result<Vec<u16>>| answer.expect("an answer").expect_err("refused");
        assert_eq!(refused(client.read_input_registers(64 + 12 * 20, 1).await), ExceptionCode::IllegalDataAddress);
        assert_eq!(refused(client.read_input_registers(0, 126).await), ExceptionCode::IllegalDataValue);
        assert_eq!(refused(client.read_holding_registers(0, 0).await), ExceptionCode::IllegalDataValue);
        let written = [
            client.write_single_register(32, 1).await,
            client.write_multiple_registers(32, &[1, 2]).await,
            client.write_single_coil(0, true).await,
            client.write_multiple_coils(0, &[true; 9]).await,
            client.masked_write_register(32, 0, 1).await,
            client.read_write_multiple_registers(0, 1, 32, &[1]).await.map(|answer| answer.map(|_| ())),
        ];
        for answer in written {
            assert_eq!(answer.expect("an answer"), Err(ExceptionCode::IllegalFunction));
        }
        assert!(client.read_coils(0, 1).await.expect("an answer").is_err());
        assert_eq!(client.read_input_registers(0, 2).await.expect("an answer"), Ok(vec![0x5254, 1]));
    });
}

#[test]
fn frames_are_answered_in_their_order_however_they_come() {
    let hall = Hall::new(Limits::default());
    let mut talk = hall.call();
    let mut answers = [0; 22];
    talk.write_all(&[&ASK[..], &ASK[..3]].concat()).expect("it listens");
    std::thread::sleep(Duration::from_millis(50));
    talk.write_all(&ASK[3..]).expect("it listens");
    talk.read_exact(&mut answers).expect("two answers");
    assert_eq!(answers, *[ANSWER, ANSWER].concat());
}

/// A coil count that its bytes do not bear out, and a count of registers that no byte can tell.
#[test]
fn requests_that_contradict_themselves_are_refused_and_cost_nothing() {
    let hall = Hall::new(Limits::default());
    let mut talk = hall.call();
    for request in [[15, 0, 0, 0xff, 0xff, 1, 0xff], [16, 0, 0, 0xff, 0xff, 2, 0], [23, 0, 0, 0xff, 0xff, 0, 0]] {
        talk.write_all(&[&[0, 7, 0, 0, 0, 8, 1][..], &request].concat()).expect("it listens");
        let mut answer = [0; 9];
        talk.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, [0, 7, 0, 0, 0, 3, 1, request[0] | 0x80, 1]);
    }
    assert_eq!(ask(&mut talk).expect("an answer"), ANSWER);
}

#[test]
fn what_is_no_frame_ends_the_connection_without_a_word() {
    let hall = Hall::new(Limits::default());
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 7], &[0, 1, 0, 0, 0xff, 0xff, 1], &[0xff; 300]] {
        let begun = Instant::now();
        let mut talk = hall.call();
        talk.write_all(garbage).expect("it listens");
        assert!(rest(&mut talk).is_empty(), "{garbage:?}");
        assert!(begun.elapsed() < Limits::default().frame, "at once");
    }
    assert_eq!(ask(&mut hall.call()).expect("an answer"), ANSWER);
}

#[test]
fn who_is_silent_or_drips_is_ended() {
    let limits = Limits { idle: Duration::from_millis(600), frame: Duration::from_millis(200), ..Limits::default() };
    let hall = Hall::new(limits);
    let begun = Instant::now();
    assert!(rest(&mut hall.call()).is_empty(), "nothing was said");
    assert!((limits.idle..DEADLINE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    let mut part = hall.call();
    part.write_all(&ASK[..5]).expect("it listens");
    assert!(rest(&mut part).is_empty(), "a frame has to be whole in time");
    let (mut drip, begun) = (hall.call(), Instant::now());
    let ended = ASK.iter().cycle().take(200).any(|byte| {
        std::thread::sleep(Duration::from_millis(50));
        drip.write_all(&[*byte]).is_err()
    });
    assert!(ended && begun.elapsed() < DEADLINE, "so has one that comes byte by byte");
}

#[test]
fn who_does_not_read_is_ended_and_others_are_answered() {
    let limits = Limits { write: Duration::from_millis(300), requests_per_second: 1_000_000, ..Limits::default() };
    let hall = Hall::new(limits);
    let mut deaf = hall.call();
    deaf.set_write_timeout(Some(DEADLINE)).expect("a socket");
    let most = [&ASK[..10], &[0, 125]].concat().repeat(1_000);
    let begun = Instant::now();
    while deaf.write_all(&most).is_ok() {
        assert!(begun.elapsed() < DEADLINE, "it was not ended");
        assert_eq!(ask(&mut hall.call()).expect("an answer"), ANSWER);
    }
}

#[test]
fn too_many_are_not_let_in_and_places_come_back() {
    let hall = Hall::new(Limits { connections_max: 2, ..Limits::default() });
    let mut held = [hall.call(), hall.call()];
    for talk in &mut held {
        assert_eq!(ask(talk).expect("an answer"), ANSWER);
    }
    assert!(rest(&mut hall.call()).is_empty(), "a third");
    drop(held);
    let until = Instant::now() + DEADLINE;
    while ask(&mut hall.call()).is_err() {
        assert!(Instant::now() < until, "places do not come back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_asks_too_often_waits() {
    let hall = Hall::new(Limits { requests_per_second: 20, ..Limits::default() });
    let mut talk = hall.call();
    let begun = Instant::now();
    (0..11).for_each(|_| assert_eq!(ask(&mut talk).expect("an answer"), ANSWER));
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
}
