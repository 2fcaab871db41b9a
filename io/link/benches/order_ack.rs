//! Order → ack over loopback with all checks of both ends, beside a raw UDP ping-pong of the same sizes and the same
//! waiting in the same run. Only the ratios travel to another machine.
//!
//! `cargo bench -p ridethrough-link` runs it whole; `--quick`, or no `--bench`, in less than 3 s.

#[path = "../tests/support/mod.rs"]
mod support;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ridethrough_core::device::Order;
use ridethrough_core::ledger::Committed;
use ridethrough_core::units::Millis;
use ridethrough_link::{FromLink, Link, LinkConfig, ToLink, Wake};
use ridethrough_protocol::{ControllerEndpoint, Datagram, Event, Handled, Kind, Lan, Leadership, Orders, Outgoing};

use support::{Plant, REPLICA, SESSION, committed, device, kesm, reading, secret};

/// One order in so long: a device authenticates at most 8 frames in a millisecond.
const PACE: Duration = Duration::from_micros(200);
const ORDER_BYTES: usize = Kind::Order.frame_bytes();
const ACK_BYTES: usize = Kind::Ack.frame_bytes();

/// How both ends wait for a datagram.
#[derive(Clone, Copy, PartialEq)]
enum Waiting {
    Spinning,
    Blocking,
}

/// The rounds take turns, so that a noisy neighbour disturbs all alike.
const ROUNDS: usize = 5;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick") || !std::env::args().any(|arg| arg == "--bench");
    let samples = if quick { 80 } else { 2_000 };
    let orders: Vec<_> = (1..=samples as u64).map(|index| committed(kesm(0), index)).collect();
    println!("{ROUNDS} x {samples} samples, one in {} µs; {ORDER_BYTES} B there, {ACK_BYTES} B back", PACE.as_micros());
    println!("cache-line ping-pong: {:.3} µs for a round trip", cache_line_us());
    let mut taken: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        taken[0].extend(raw(samples, Waiting::Spinning));
        taken[1].extend(inline(&orders, Waiting::Spinning));
        taken[2].extend(raw(samples, Waiting::Blocking));
        taken[3].extend(inline(&orders, Waiting::Blocking));
        taken[4].extend(linked(&orders));
    }
    for latencies in &mut taken {
        latencies.sort_by(f64::total_cmp);
    }
    let [raw_spinning, inline_spinning, raw_blocking, inline_blocking, linked] = &taken;
    println!("{:<44} {:>8} {:>8} {:>8}   ratio of p50, p99 to raw", "µs", "p50", "p99", "max");
    report("raw UDP, spinning", raw_spinning, raw_spinning);
    report("both endpoints inline, spinning", inline_spinning, raw_spinning);
    report("raw UDP, blocking", raw_blocking, raw_blocking);
    report("both endpoints inline, blocking", inline_blocking, raw_blocking);
    report("ring → link thread → device → ring, parked", linked, raw_blocking);
}

fn report(name: &str, latencies: &[f64], raw: &[f64]) {
    let (p50, p99, max) = (at(latencies, 500), at(latencies, 990), at(latencies, 1000));
    println!("{name:<44} {p50:>8.2} {p99:>8.2} {max:>8.1}   {:.2}, {:.2}", p50 / at(raw, 500), p99 / at(raw, 990));
}

/// The value that so many thousandths of the sorted ones do not exceed.
fn at(sorted: &[f64], permille: usize) -> f64 {
    sorted[(sorted.len() * permille / 1000).min(sorted.len() - 1)]
}

fn cache_line_us() -> f64 {
    const EXCHANGES: u32 = 20_000;
    let line = Arc::new(AtomicU32::new(0));
    let other = Arc::clone(&line);
    let echo = thread::spawn(move || {
        for round in 0..EXCHANGES {
            // Each side's Release pairs with the other's Acquire.
            while other.load(Ordering::Acquire) != 2 * round + 1 {
                std::hint::spin_loop();
            }
            other.store(2 * round + 2, Ordering::Release);
        }
    });
    let began = Instant::now();
    for round in 0..EXCHANGES {
        line.store(2 * round + 1, Ordering::Release);
        while line.load(Ordering::Acquire) != 2 * round + 2 {
            std::hint::spin_loop();
        }
    }
    let passed = began.elapsed();
    echo.join().expect("the echo did not panic");
    passed.as_secs_f64() * 1e6 / f64::from(EXCHANGES)
}

/// Two connected sockets on loopback.
fn sockets(waiting: Waiting) -> (UdpSocket, UdpSocket) {
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let (near, far) = (bind(), bind());
    near.connect(far.local_addr().expect("bound")).expect("loopback");
    far.connect(near.local_addr().expect("bound")).expect("loopback");
    for socket in [&near, &far] {
        match waiting {
            Waiting::Spinning => socket.set_nonblocking(true).expect("nonblocking"),
            Waiting::Blocking => socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout"),
        }
    }
    (near, far)
}

/// Waits for a datagram; nothing when `ending`.
fn receive(socket: &UdpSocket, buffer: &mut [u8], ending: &AtomicBool) -> Option<usize> {
    loop {
        match socket.recv(buffer) {
            Ok(length) => return Some(length),
            Err(_) if ending.load(Ordering::Relaxed) => return None,
            Err(_) => std::hint::spin_loop(),
        }
    }
}

/// Runs `far_end` in a thread of its own while `once` is timed on this one.
fn measure(
    waiting: Waiting,
    samples: usize,
    far_end: impl FnOnce(&UdpSocket, &AtomicBool) + Send + 'static,
    mut once: impl FnMut(&UdpSocket, usize),
) -> Vec<f64> {
    let (near, far) = sockets(waiting);
    let ending = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ending);
    let echo = thread::spawn(move || far_end(&far, &end));
    let latencies = sample(samples, |nth| once(&near, nth));
    ending.store(true, Ordering::Relaxed);
    near.send(&[]).expect("loopback");
    echo.join().expect("the far end did not panic");
    latencies
}

fn sample(samples: usize, mut once: impl FnMut(usize)) -> Vec<f64> {
    let mut taken: Vec<f64> = Vec::with_capacity(samples);
    for nth in 0..samples {
        let began = Instant::now();
        once(nth);
        taken.push(began.elapsed().as_secs_f64() * 1e6);
        while began.elapsed() < PACE {
            std::hint::spin_loop();
        }
    }
    taken
}

fn raw(samples: usize, waiting: Waiting) -> Vec<f64> {
    let far_end = |socket: &UdpSocket, ending: &AtomicBool| {
        let mut buffer = [0; 512];
        while receive(socket, &mut buffer, ending).is_some() && !ending.load(Ordering::Relaxed) {
            socket.send(&[1; ACK_BYTES]).expect("loopback");
        }
    };
    let never = AtomicBool::new(false);
    measure(waiting, samples, far_end, |socket, _| {
        socket.send(&[1; ORDER_BYTES]).expect("loopback");
        receive(socket, &mut [0; 512], &never).expect("an answer");
    })
}

/// Both ends' state machines on the threads that own the sockets.
fn inline(orders: &[Committed<Order>], waiting: Waiting) -> Vec<f64> {
    let began = Instant::now();
    let now = move || Millis::new(i64::try_from(began.elapsed().as_millis()).expect("short"));
    let mut controller = ControllerEndpoint::new(&secret().replica(REPLICA), SESSION, &[kesm(0)], Orders::One);
    let (mut endpoint, mut recorder) = device(0);
    let mut out = Datagram::new();
    // Until the lease stands: greeting, offer, telemetry, beat.
    let leadership = Leadership { term: 1, lease: Millis::seconds(60), valid_for: Millis::seconds(60) };
    controller.lead(leadership, now()).expect("it may lead");
    for _ in 0..2 {
        endpoint.telemetry(REPLICA, &reading(), now(), &mut out).expect("a known replica");
        controller.observe(out.as_bytes(), Lan::A, now());
        let mut frames = Vec::new();
        controller.poll(now(), &mut |outgoing: Outgoing<'_>| frames.push(outgoing.bytes.to_vec()));
        for frame in frames {
            endpoint.handle(&frame, Lan::A, now(), &mut recorder, &mut out);
        }
    }
    let far_end = move |socket: &UdpSocket, ending: &AtomicBool| {
        let mut buffer = [0; 512];
        while let Some(length) = receive(socket, &mut buffer, ending) {
            let handled = endpoint.handle(&buffer[..length], Lan::A, now(), &mut recorder, &mut out);
            if let Handled::Answer { .. } = handled {
                socket.send(out.as_bytes()).expect("loopback");
            }
            if ending.load(Ordering::Relaxed) {
                return;
            }
        }
    };
    let never = AtomicBool::new(false);
    measure(waiting, orders.len(), far_end, |socket, nth| {
        controller.submit(&orders[nth], 1, Millis::seconds(1), now()).expect("it may be sent");
        controller.poll(now(), &mut |outgoing: Outgoing<'_>| {
            socket.send(outgoing.bytes).expect("loopback");
        });
        let mut buffer = [0; 512];
        let length = receive(socket, &mut buffer, &never).expect("an answer");
        let event = controller.observe(&buffer[..length], Lan::A, now());
        assert!(matches!(event, Some(Event::Ack { ack, .. }) if ack.verdict.in_force()), "{event:?}");
    })
}

/// From one thread through the ring to the link's, over the socket to the device's, and back.
fn linked(orders: &[Committed<Order>]) -> Vec<f64> {
    let bind = "127.0.0.1:0".parse().expect("an address");
    let mut config = LinkConfig::new(bind, secret().replica(REPLICA), vec![kesm(0)]);
    config.session = SESSION;
    config.consumer = Some(thread::current());
    config.wake = Wake::Everything;
    let link = Link::start(config).expect("it starts");
    let plant = Plant::start(1, support::addresses(&link));
    let next = || {
        loop {
            match link.poll() {
                Some(news) => return news,
                None => thread::park_timeout(Duration::from_secs(1)),
            }
        }
    };
    while !matches!(next(), FromLink::Telemetry(_)) {}
    let lead = ToLink::Lead { term: 1, lease: Millis::seconds(60), valid_for: Millis::seconds(60) };
    assert!(link.send(lead));
    let latencies = sample(orders.len(), |nth| {
        let order = orders[nth];
        assert!(link.send(ToLink::Order { order, term: 1, valid_for: Millis::seconds(1) }));
        let answers = |news| matches!(news, FromLink::Ack { ack, .. } if ack.fence.index == order.get().index);
        while !answers(next()) {}
    });
    drop(link);
    plant.stop();
    latencies
}
