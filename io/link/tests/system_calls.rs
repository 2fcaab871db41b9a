//! What the link thread asks of the system on its way from an order to the ack, seen by strace.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use ridethrough_link::{Link, Wake};

use support::{LEAD, Lans, Plant, Sockets, addresses, config, order, wait_for_ack};

/// Set for the child that strace watches.
const TRACED: &str = "RIDETHROUGH_TRACED";
const DEVICES: u16 = 64;
const TURNS: u64 = 200;
/// Everything that the link thread may ask for between an order and its ack: the batches, the wait, and to wake others.
const ALLOWED: [&str; 5] = ["recvmmsg", "sendmmsg", "epoll_wait", "write", "futex"];
/// Once a second one datagram is received alone, to learn how many the kernel dropped.
const ONCE_A_SECOND: &str = "recvmsg";

#[test]
fn the_link_thread_asks_the_system_for_batches_and_waits_only() {
    if std::env::var_os(TRACED).is_some() {
        return traced();
    }
    let log = std::env::temp_dir().join(format!("ridethrough-strace-{}", std::process::id()));
    let own = std::env::current_exe().expect("this test");
    let traced = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&log)
        .arg(own)
        .args(["--exact", "the_link_thread_asks_the_system_for_batches_and_waits_only"])
        .env(TRACED, "1")
        .output()
        .unwrap_or_else(|error| panic!("install strace: {error}"));
    assert!(traced.status.success(), "{}{}", stdout(&traced.stdout), stdout(&traced.stderr));
    check(&log);
    std::fs::remove_file(log).expect("strace has written it");
}

fn stdout(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What strace watches: one fan-out to all devices, then one order at a time. Names of directories that are not there
/// mark the parts in the log.
fn traced() {
    let mut config = config(DEVICES, Lans::One);
    config.wake = Wake::Acks;
    let link = Link::start(config).expect("it starts");
    let plant = Plant::start_with(DEVICES, addresses(&link), Sockets::Own);
    wait_for_telemetry(&link);
    assert!(link.send(LEAD));
    let fan_out: Vec<_> = (0..DEVICES).map(|number| order(number, 1)).collect();
    let turns: Vec<_> = (0..TURNS).map(|nth| order((nth % 64) as u16, 2 + nth)).collect();
    // The beats of the new leader go out before.
    std::thread::sleep(std::time::Duration::from_millis(500));
    mark("fan-out");
    assert_eq!(link.send_all(fan_out), usize::from(DEVICES));
    let answered: BTreeSet<_> = (0..DEVICES).map(|_| wait_for_ack(&link).0.device).collect();
    assert_eq!(answered.len(), usize::from(DEVICES));
    mark("turns");
    for order in turns {
        assert!(link.send(order));
        wait_for_ack(&link);
    }
    mark("end");
    drop(link);
    plant.stop();
}

/// The consumer is not woken for telemetry here, so it looks.
fn wait_for_telemetry(link: &Link) {
    let mut heard = BTreeSet::new();
    while heard.len() < usize::from(DEVICES) {
        if let Some(ridethrough_link::FromLink::Telemetry(telemetry)) = link.poll() {
            heard.insert(telemetry.device);
        } else {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

fn mark(part: &str) {
    assert!(!Path::new("/ridethrough-mark").join(part).exists());
}

/// The link thread's lines in one part of the log, without its name.
fn lines<'a>(log: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    let thread = log
        .lines()
        .find(|line| line.contains("PR_SET_NAME, \"dpcn\""))
        .and_then(|line| line.split_whitespace().next())
        .expect("the link thread names itself");
    let begin = log.find(&format!("/ridethrough-mark/{from}")).expect("marked");
    let end = log.find(&format!("/ridethrough-mark/{to}")).expect("marked");
    let split = log[begin..end].lines().filter_map(|line| line.split_once(char::is_whitespace));
    split.filter(|(of, _)| *of == thread).map(|(_, rest)| rest.trim_start()).collect()
}

/// How often each call was made.
fn counted<'a>(lines: &[&'a str]) -> BTreeMap<&'a str, usize> {
    let mut calls = BTreeMap::new();
    // Not the second half of a call that another thread interrupted in the log.
    for line in lines.iter().filter(|line| !line.starts_with("<...")) {
        *calls.entry(line.split('(').next().unwrap_or_default()).or_default() += 1;
    }
    calls
}

/// How many calls it took to send so many datagrams: what comes later are repetitions, as acks are late under strace.
fn sends_for(datagrams: usize, lines: &[&str]) -> usize {
    let ended = lines.iter().filter(|line| line.contains("sendmmsg") && !line.ends_with("<unfinished ...>"));
    let mut sent = 0;
    let needed = ended.take_while(|line| {
        let before = sent;
        sent += line.rsplit("= ").next().and_then(|count| count.parse::<usize>().ok()).expect("none fails");
        before < datagrams
    });
    needed.count()
}

fn check(log: &Path) {
    let log = std::fs::read_to_string(log).expect("strace has written it");
    let (fan_out, turns) = (lines(&log, "fan-out", "turns"), lines(&log, "turns", "end"));
    let sends = sends_for(usize::from(DEVICES), &fan_out);
    let (fan_out, turns) = (counted(&fan_out), counted(&turns));
    println!("{DEVICES} orders in {sends} calls; fan-out: {fan_out:?}; {TURNS} turns: {turns:?}");
    for (call, count) in fan_out.iter().chain(&turns) {
        let known = ALLOWED.contains(call) || (*call == ONCE_A_SECOND && *count < 60);
        assert!(known, "{call}: {fan_out:?} {turns:?}");
    }
    // 64 datagrams in batches of 16. A turn that was under way when the first orders came may have taken some alone.
    assert!((4..=6).contains(&sends), "{sends} calls for {DEVICES} orders");
}
