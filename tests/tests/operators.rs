//! Three real replicas and a plant: what an operator sees and asks for, who may, and that a failover forgets no alarm.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ridethrough_fault_injection::demo::certificates;
use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::stage::{Play, Stage, verify};
use ridethrough_tests::{Ended, alone, edit, folder, free, program, run, run_command};

/// Users of no system: they own nothing and are in no group.
const VIEWER: u32 = 64_001;
const OPERATOR: u32 = 64_002;
const NOBODY: u32 = 64_003;
/// What a request is numbered with.
const REQUEST: &str = "00112233445566778899aabbccddeeff";
const DEADLINE: Duration = Duration::from_secs(30);

fn ridectl(stage: &Stage, of: u16, words: &[&str]) -> Ended {
    run("ridectl", &[words, &["--data-dir", &stage.data(of)]].concat())
}

/// The same, typed by another user; only root can become one.
fn ridectl_as(user: u32, stage: &Stage, of: u16, words: &[&str]) -> Ended {
    let mut typed = Command::new("setpriv");
    typed.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
    typed.arg(program("ridectl")).args(words).args(["--data-dir", &stage.data(of)]);
    run_command(DEADLINE, &mut typed)
}

/// One that nobody listens at now.
fn free_address() -> SocketAddr {
    free::tcp().0
}

#[track_caller]
fn check(ended: &Ended, code: i32, expected: &str) {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(ended.code() == code && said.contains(expected), "expected {code} and `{expected}`: {ended:?}");
}

/// An authority whose key is at hand, certificates of it for all replicas and for people, a listener for them, and roles.
fn give_roles(cluster: &Cluster, home: &Path, listeners: &[SocketAddr]) {
    let made = |words: &[&str]| check(&run("ridectl", &[&["pki"], words].concat()), 0, "made");
    let path = |name: &str| home.join(name).display().to_string();
    let name = home.file_name().and_then(|name| name.to_str()).expect("a name");
    for authority in ["authority", "stranger"] {
        made(&["ca", "--cluster-name", name, "--out", &path(authority)]);
    }
    fs::copy(home.join("authority/ca.pem"), home.join("ca.pem")).expect("it was made");
    for person in ["mira", "olu", "new-board"] {
        made(&["issue", "--ca", &path("authority"), "--person", person, "--out", &path("people")]);
        made(&["issue", "--ca", &path("stranger"), "--person", person, "--out", &path("strangers")]);
    }
    for (node, listen) in cluster.nodes.iter().zip(listeners) {
        let (number, out) = (node.id.to_string(), path("issued"));
        made(&["issue", "--ca", &path("authority"), "--replica", &number, "--out", &out]);
        let issued = |ending: &str| home.join(format!("issued/replica-{number}.{ending}"));
        fs::copy(issued("pem"), certificates::certificate(home, node.id)).expect("it was issued");
        fs::copy(issued("key"), home.join(format!("n{number}-peer.key"))).expect("it was issued");
        let roles = format!(
            "[operators]\nlisten = \"{listen}\"\n\n[roles]\nviewer = [\"{VIEWER}\", \"tls:olu\"]\n\
             operator = [\"{OPERATOR}\", \"tls:mira\"]\nengineer = [\"tls:new-board\"]\n\n[http]"
        );
        edit(&node.config, "[http]", &roles);
    }
}

/// Typed on another machine: replicas are named by their addresses, whoever types by a certificate.
fn ridectl_afar(home: &Path, identity: &str, at: &str, words: &[&str]) -> Ended {
    let identity = home.join(identity).display().to_string();
    run("ridectl", &[words, &["--at", at, "--identity", &identity]].concat())
}

/// Who is believed by the authority has the role that the configuration gives him; who is not is told nothing.
fn who_may_from_elsewhere(home: &Path, listeners: &[SocketAddr], leader: u16) {
    let at = |id: u16| format!("n{id}={}", listeners[usize::from(id) - 1]);
    let (follower, all) = (leader % REPLICAS + 1, [1, 2, 3].map(at).join(","));
    let hold = ["hold", "K9", "--reason", "from afar", "--dry-run"];
    check(&ridectl_afar(home, "people/person-olu", &all, &["status"]), 0, "leads, term");
    check(&ridectl_afar(home, "people/person-olu", &all, &hold), 4, "your role is viewer; this needs operator");
    check(&ridectl_afar(home, "people/person-mira", &all, &hold), 0, "would     hold K9");
    check(&ridectl_afar(home, "people/person-mira", &at(follower), &hold), 3, "does not lead");
    let first = format!("{},{}", at(follower), at(leader));
    check(&ridectl_afar(home, "people/person-mira", &first, &hold), 0, "would     hold K9");
    check(&ridectl_afar(home, "strangers/person-mira", &all, &["status"]), 3, "no replica answers");
    let other = format!("n{follower}={}", listeners[usize::from(leader) - 1]);
    check(&ridectl_afar(home, "people/person-mira", &other, &["status"]), 3, "no replica answers");
    // As a new replica's host asks to be added, from itself; here nobody listens there.
    let address = free_address().to_string();
    let add = ["cluster", "add", "--replica", "4", "--address", &address, "--reason", "new board"];
    check(&ridectl_afar(home, "people/person-new-board", &all, &add), 4, "Connection refused");
    check(&ridectl_afar(home, "people/person-mira", &all, &add), 4, "your role is operator; this needs engineer");
    // A replica's own certificate is no person's.
    fs::copy(home.join("ca.pem"), home.join("issued/ca.pem")).expect("it was made");
    check(&ridectl_afar(home, "issued/replica-1", &all, &["status"]), 3, "is no person's");
    nonsense_is_refused(listeners[usize::from(leader) - 1]);
    check(
        &ridectl_afar(home, "people/person-mira", &all, &["end", "A4", "--reason", "x"]),
        4,
        "rack A4 has no transfer",
    );
}

/// An auditor who may only look copies the logs of all replicas while they run, and again what is new of them.
fn the_logs_are_audited_from_elsewhere(home: &Path, listeners: &[SocketAddr]) {
    let at = |id: u16| format!("n{id}={}", listeners[usize::from(id) - 1]);
    let (all, to) = ([1, 2, 3].map(at).join(","), home.join("auditor").display().to_string());
    let fetch = |identity: &str, at: &str| ridectl_afar(home, identity, at, &["audit", "fetch", "--to", &to]);
    for _ in 0..2 {
        check(&fetch("people/person-olu", &all), 0, "n3        ");
        let copies = ["n1", "n2", "n3"].map(|name| format!("{to}/{name}"));
        let verify: Vec<&str> = ["audit", "verify"].into_iter().chain(copies.iter().map(String::as_str)).collect();
        check(&run("ridectl", &verify), 0, "verdict    VERIFIED");
        check(&run("ridectl", &["audit", "diff", &copies[0], &copies[2]]), 0, "verdict    SAME");
    }
    let copied = fs::read_dir(home.join("auditor/n1")).expect("copied").map(|item| item.expect("listed").file_name());
    let mut copied: Vec<_> = copied.filter(|name| name != "audit").collect();
    copied.sort();
    assert_eq!(copied, ["log", "replica", "site.toml"], "and no key");
    check(&fetch("strangers/person-mira", &all), 1, "NOT WHOLE");
}

/// Whoever does not speak TLS, or says nothing, gets no answer and keeps nobody out.
fn nonsense_is_refused(address: SocketAddr) {
    let silent: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    let mut caller = TcpStream::connect(address).expect("it listens");
    caller.set_read_timeout(Some(DEADLINE)).expect("a socket");
    caller.write_all(b"{\"command\":\"site\"}\n").expect("sent");
    let mut said = Vec::new();
    // Whatever comes back before the end, it is no answer.
    let _ = caller.read_to_end(&mut said);
    assert!(!said.windows(4).any(|four| four == b"site"), "{said:?}");
    drop(silent);
}

#[test]
fn operators_see_and_change_what_their_role_allows_and_the_log_tells_it() {
    let _alone = alone();
    let home = folder();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let listeners = [(); 3].map(|()| free_address());
    let mut stage =
        Stage::start_with(home.path(), &Play::default(), |cluster| give_roles(cluster, home.path(), &listeners));
    stage.play();
    let leader = stage.leader();
    check(&ridectl(&stage, leader, &["health", "--wait", "10s"]), 0, "healthy");
    who_may(&stage, leader);
    who_may_from_elsewhere(home.path(), &listeners, leader);
    the_logs_are_audited_from_elsewhere(home.path(), &listeners);
    a_rack_is_held_to_less(&mut stage, leader);
    a_device_is_held(&mut stage, leader);
    an_alarm_outlives_its_leader(&mut stage);
    let folder = stage.home.clone();
    stage.end();
    let first = folder.join("n1").display().to_string();
    let log = run("ridectl", &["audit", "log", "--dir", &first, "--kind", "operation"]).stdout;
    let numbered = run("ridectl", &["audit", "log", "--dir", &first, "--request", REQUEST]).stdout;
    assert!(numbered.lines().count() == 2 && numbered.contains("leave kesm K9 alone"), "{numbered}");
    let told =
        |user: u32, what: &str| log.lines().any(|line| line.contains(&format!("uid {user}")) && line.contains(what));
    assert!(told(OPERATOR, "for the servers of A6") && told(VIEWER, "was DENIED"), "{log}");
    let verified = verify(&folder);
    assert!(verified.code() == 0, "{verified:?}");
}

fn who_may(stage: &Stage, leader: u16) {
    let hold = ["hold", "K9", "--reason", "trial", "--dry-run"];
    check(&ridectl_as(VIEWER, stage, leader, &["status"]), 0, "leads, term");
    check(&ridectl_as(VIEWER, stage, leader, &hold), 4, "your role is viewer; this needs operator (entry ");
    check(&ridectl_as(NOBODY, stage, leader, &["status"]), 4, "you have no role here; this needs viewer");
    check(&ridectl_as(OPERATOR, stage, leader, &hold), 0, "would     hold K9");
    let transfer = ["cluster", "transfer", "--to", "3", "--reason", "trial", "--dry-run"];
    check(&ridectl_as(OPERATOR, stage, leader, &transfer), 4, "your role is operator; this needs engineer");
    check(&ridectl(stage, leader % REPLICAS + 1, &hold), 3, "does not lead");
}

/// The PDU itself keeps to it: what the rack takes is measured.
fn a_rack_is_held_to_less(stage: &mut Stage, leader: u16) {
    let shed = ["shed", "A6", "--to", "15kW", "--for", "5m", "--reason", "hot aisle"];
    let refused = ["shed", "A6", "--to", "1W", "--for", "5m", "--reason", "hot aisle"];
    check(&ridectl_as(OPERATOR, stage, leader, &refused), 4, "rack A6 can be capped from");
    check(&ridectl_as(OPERATOR, stage, leader, &shed), 0, "done      hold the servers of A6 to 15.0 kW");
    stage.wait_for("A6 held to what was asked for", |cluster| {
        let shown = cluster.snapshot(leader)?;
        let capped = shown.caps.iter().any(|cap| cap.rack == "A6" && cap.cap_watts == 15_000);
        let load = shown.racks.iter().find(|rack| rack.name == "A6")?.load_watts?;
        (capped && load <= 15_300).then_some(())
    });
    check(&ridectl(stage, leader, &["get", "exceptions"]), 0, "an operator asks for at most 15.0 kW");
    check(&ridectl_as(OPERATOR, stage, leader, &["restore", "A6", "--reason", "cooled"]), 0, "done");
    stage.wait_for("A6 free again", |cluster| {
        let shown = cluster.snapshot(leader)?;
        (shown.sheds.is_empty() && !shown.caps.iter().any(|cap| cap.rack == "A6")).then_some(())
    });
}

fn a_device_is_held(stage: &mut Stage, leader: u16) {
    let hold = ["hold", "K9", "--reason", "bearing"];
    let numbered = [&hold[..], &["--request", REQUEST]].concat();
    check(&ridectl(stage, leader, &["outcome", REQUEST]), 1, "not done");
    check(&ridectl(stage, leader, &numbered), 0, "done      hold K9");
    check(&ridectl(stage, leader, &numbered), 0, "done      before, when it was asked for the first time");
    // Every replica knows it, and whoever leads next.
    let follower = stage.data(leader % REPLICAS + 1);
    stage.wait_for("the request known to a follower", |_| {
        (run("ridectl", &["outcome", REQUEST, "--data-dir", &follower]).code() == 0).then_some(())
    });
    check(&ridectl(stage, leader, &hold), 4, "kesm K9 is held by an operator");
    check(&ridectl(stage, leader, &["transfer", "A4", "--watts", "2kW", "--from", "K9", "--reason", "no"]), 4, "K9");
    check(&ridectl(stage, leader, &["release", "K9", "--reason", "new bearing"]), 0, "done      release K9");
    a_device_is_locked(stage, leader);
    check(&ridectl(stage, leader, &["alarm", "ack", "no-such:alarm", "--reason", "x"]), 4, "there is no alarm");
}

/// Two people work at one module: it is released when both have taken their locks off.
fn a_device_is_locked(stage: &mut Stage, leader: u16) {
    let words = |verb| [verb, "K9", "--reason", "bearing"];
    let of = format!("uid {OPERATOR}");
    check(&ridectl(stage, leader, &words("lock")), 0, "done      lock K9");
    check(&ridectl_as(OPERATOR, stage, leader, &words("lock")), 0, "done      lock K9");
    stage.wait_for("two locks shown", |cluster| (cluster.snapshot(leader)?.locks.len() == 2).then_some(()));
    check(&ridectl(stage, leader, &["get", "exceptions"]), 0, &format!("locked by {of}"));
    check(&ridectl(stage, leader, &words("unlock")), 0, "done      take the lock off K9");
    check(&ridectl(stage, leader, &words("release")), 4, &format!("kesm K9 is locked by {of}"));
    let others = ["unlock", "K9", "--of", "root (uid 0)", "--reason", "x"];
    check(&ridectl_as(OPERATOR, stage, leader, &others), 4, "your role is operator; this needs engineer");
    check(&ridectl(stage, leader, &["unlock", "K9", "--of", &of, "--reason", "gone home"]), 0, "done");
    check(&ridectl(stage, leader, &words("release")), 0, "done      release K9");
}

/// One replica is gone, and that was seen; leadership goes to the other; it comes back.
fn an_alarm_outlives_its_leader(stage: &mut Stage) {
    let leader = stage.leader();
    let (gone, next) = (leader % REPLICAS + 1, (leader + 1) % REPLICAS + 1);
    let name = format!("replica-unreachable:replica-n{gone}");
    stage.cluster.stop_one(gone).expect("it stops");
    // Whether it stands, and whether somebody has seen it.
    let shown = |cluster: &Cluster, of: u16| {
        let alarm = cluster.snapshot(of)?.alarms.into_iter().find(|alarm| alarm.id == name)?;
        Some((alarm.active, alarm.acknowledged_by.is_some()))
    };
    stage.wait_for("the alarm", |cluster| (shown(cluster, leader)? == (true, false)).then_some(()));
    check(&ridectl(stage, leader, &["alarm", "ack", &name, "--reason", "on my way"]), 0, "done");
    check(&ridectl(stage, leader, &["alarm", "ack", &name, "--reason", "on my way"]), 4, "acknowledged already");
    let next_word = next.to_string();
    check(&ridectl(stage, leader, &["cluster", "transfer", "--to", &next_word, "--reason", "trial"]), 0, "done");
    stage.wait_for("the next leader acting, with the alarm as it was seen", |cluster| {
        let acts = cluster.snapshot(next)?.acting;
        (acts && shown(cluster, next)? == (true, true)).then_some(())
    });
    stage.cluster.start(gone).expect("it starts");
    stage.wait_for("the alarm gone", |cluster| {
        let all: Vec<_> = cluster.snapshots().into_iter().flatten().collect();
        (all.len() == usize::from(REPLICAS) && all.iter().all(|one| one.alarms.iter().all(|alarm| alarm.id != name)))
            .then_some(())
    });
}
