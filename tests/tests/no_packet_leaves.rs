//! Nothing leaves the host but what the configuration names: three real replicas with the real runtime, and the plant, in
//! a network namespace whose way out counts every frame (`tests/namespace.sh`). Addresses of the whole cluster are
//! loopback's, so the count must stay as it is. That a process that only runs the model sends nothing on loopback either is
//! tested in `model/tests/no_packet.rs`.

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{alone, folder, root};

/// The kernel itself says something when an interface comes up: it must have been quiet for so long.
const QUIET: Duration = Duration::from_secs(2);
/// And is by then.
const DEADLINE: Duration = Duration::from_mins(1);
/// How long the replicas go on once all of them forecast by the model.
const AFTERWARDS: Duration = Duration::from_secs(10);

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

#[test]
fn no_packet_leaves_the_host() {
    let _alone = alone();
    let Some(mut command) = unshare() else {
        return println!("SKIPPED: the kernel allows no network namespace here");
    };
    let itself = std::env::current_exe().expect("this program");
    command.arg("sh").arg(root().join("tests/namespace.sh")).arg(itself);
    let ended = command
        .args(["--exact", "no_packet_leaves::inside", "--ignored", "--nocapture"])
        .status()
        .expect("unshare runs");
    assert!(ended.success(), "inside its namespace: {ended}");
}

#[test]
#[ignore = "runs inside a network namespace, where the other test starts it"]
fn inside() {
    // Whoever asks for a name asks here, where that is the way.
    let names = UdpSocket::bind("0.0.0.0:53").expect("nobody else answers for names in this namespace");
    names.set_nonblocking(true).expect("a socket");
    let before = quiet();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    stage.wait_for_sources("forecasts by the model everywhere", |_, source| source.starts_with("model "));
    let until = Instant::now() + AFTERWARDS;
    stage.wait_for("a while more", |_| (Instant::now() >= until).then_some(()));
    stage.end();
    assert_eq!(quiet(), before, "frames on the way out");
    assert!(names.recv(&mut [0; 512]).is_err(), "somebody asked for a name");
    println!("0 frames on the way out, 0 questions for names");

    // What is not seen here would prove nothing: one packet of each kind is.
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.send_to(b"counted?", "198.51.100.7:9").expect("sent");
    assert!(sent() > before, "a packet to elsewhere was not counted");
    socket.send_to(b"a name?", "127.0.0.1:53").expect("sent");
    let heard = Instant::now() + DEADLINE;
    while names.recv(&mut [0; 512]).is_err() {
        assert!(Instant::now() < heard, "a question for a name was not heard");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the way out has sent, once nothing is sent any more.
fn quiet() -> u64 {
    let deadline = Instant::now() + DEADLINE;
    let mut last = (sent(), Instant::now());
    while last.1.elapsed() < QUIET {
        assert!(Instant::now() < deadline, "something keeps sending: {last:?}");
        std::thread::sleep(Duration::from_millis(50));
        let now = sent();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    last.0
}

/// Frames that this namespace's way out has sent.
fn sent() -> u64 {
    let table = std::fs::read_to_string("/proc/self/net/dev").expect("the kernel counts");
    let line = table.lines().find_map(|line| line.trim().strip_prefix("out0:"));
    let fields: Vec<&str> = line.unwrap_or_else(|| panic!("no way out in {table}")).split_whitespace().collect();
    // Eight fields of what was received, then bytes and packets sent.
    fields[9].parse().expect("a number")
}
