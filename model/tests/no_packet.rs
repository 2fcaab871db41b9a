//! Not one packet because of the inference runtime: a process that does nothing but load the model into ONNX Runtime and
//! run it is put into a network namespace of its own, where every packet is counted, loopback's too.
//!
//! Outside, the test starts itself once more inside; a kernel that allows no namespace is the only reason to skip it.

mod support;

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use ridethrough_model::{Forecast, Guarded, Keep, silence_telemetry};
use support::{committed, own, sample};

/// Committed steps: the model speaks after 30.
const STEPS: usize = 60;
/// The kernel itself says something when an interface comes up: it must have been quiet for so long.
const QUIET: Duration = Duration::from_secs(1);
/// And is by then.
const DEADLINE: Duration = Duration::from_secs(30);

fn main() {
    if std::env::args().any(|word| word == "inside") {
        return inside();
    }
    let Some(mut command) = unshare() else {
        return println!("no_packet: SKIPPED, the kernel allows no network namespace here");
    };
    let script = own("../tests/namespace.sh");
    let itself = std::env::current_exe().expect("this program");
    let ended = command.arg("sh").arg(script).arg(itself).arg("inside").status().expect("unshare runs");
    assert!(ended.success(), "inside its namespace: {ended}");
    println!("no_packet: ok");
}

/// `unshare` as the kernel allows it: with the rights that there are, or as the root of a namespace of users.
fn unshare() -> Option<Command> {
    let with = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(words);
        command
    };
    let ways: [&[&str]; 2] = [&["--net"], &["--net", "--map-root-user"]];
    let way = ways.into_iter().find(|way| with(way).arg("true").status().is_ok_and(|status| status.success()))?;
    Some(with(way))
}

fn inside() {
    silence_telemetry().expect("one thread");
    let before = quiet();
    let mut engine = Guarded::new(Some(committed()));
    let mut out = Vec::new();
    for _ in 0..STEPS {
        engine.step(&[sample(500, 1_000); 24], Keep::Committed, &mut out);
    }
    assert_eq!(engine.last_failure(), None);
    assert!(out.iter().all(|forecast| forecast.source.to_string().starts_with("model")), "{:?}", out[0].source);
    drop(engine);
    assert_eq!(quiet(), before, "packets because of the runtime");
    // One packet to anywhere, and one to this host: neither goes unseen.
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    for (to, name) in [("198.51.100.7:9", "out0"), ("127.0.0.1:9", "lo")] {
        let before = sent(name);
        socket.send_to(b"counted?", to).expect("sent");
        assert!(sent(name) > before, "a packet to {to} was not counted");
    }
    println!("no_packet: 0 packets in {STEPS} steps of 24 racks");
}

/// What loopback and the way out have sent, once nothing is sent any more.
fn quiet() -> [u64; 2] {
    let deadline = Instant::now() + DEADLINE;
    let mut last = (["lo", "out0"].map(sent), Instant::now());
    while last.1.elapsed() < QUIET {
        assert!(Instant::now() < deadline, "something keeps sending: {last:?}");
        std::thread::sleep(Duration::from_millis(50));
        let now = ["lo", "out0"].map(sent);
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    last.0
}

/// Packets that an interface of this namespace has sent.
fn sent(name: &str) -> u64 {
    let table = std::fs::read_to_string("/proc/self/net/dev").expect("the kernel counts");
    let line = table.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    let fields: Vec<&str> = line.unwrap_or_else(|| panic!("no {name} in {table}")).split_whitespace().collect();
    // Eight fields of what was received, then bytes and packets sent.
    fields[9].parse().expect("a number")
}
