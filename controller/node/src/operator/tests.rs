use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream as Caller;
use std::thread;
use std::time::Instant;

use ridethrough_core::command::Action;
use ridethrough_core::device::ReplicaId;
use ridethrough_core::drill::DrillStage;
use ridethrough_core::members::MemberChange;
use ridethrough_core::site::Site;
use ridethrough_pki::{Authority, Validity};
use ridethrough_raft::{Changed, PeerPems, PeerTls};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::serving::RuntimeUse;

/// How long a caller waits for an answer: longer than every deadline of the socket's.
const DEADLINE: Duration = Duration::from_secs(30);

/// A socket with nobody at the control thread's place yet.
struct Socket {
    _runtime: Runtime,
    home: tempfile::TempDir,
    asked: mpsc::Receiver<Ask>,
}

impl Socket {
    fn open() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let home = tempfile::tempdir().expect("a folder");
        let (asks, asked) = mpsc::channel(WAITING_MAX);
        let library = Mutex::new(Library::new(None, None, RuntimeUse::default()));
        let site = Site::parse("demo", include_str!("../../../../fault-injection/scenarios/demo/site.toml"))
            .expect("the demo's site is good");
        let wonders = Wonders { site: Arc::new(site), queue: Arc::new(ArrayQueue::new(1)) };
        let (arrivals, control, prober) = (Arc::new(ArrayQueue::new(1)), thread::current(), prober());
        let drilled = Drilled { cluster: "hall-7".into(), demo: false };
        let site = Shown { site: Arc::clone(&wonders.site), snapshot: Arc::default() };
        let (denials, folder) = (Denials::default(), home.path().to_path_buf());
        let desk = Desk {
            library,
            arrivals,
            asks,
            control,
            prober,
            wonders: Arc::new(wonders),
            folder,
            drilled,
            site,
            denials,
        };
        runtime.block_on(async { open(home.path(), Given::default(), None, desk) });
        Self { _runtime: runtime, home, asked }
    }

    fn call(&self) -> Caller {
        let caller = Caller::connect(self.home.path().join(SOCKET)).expect("it listens");
        caller.set_read_timeout(Some(DEADLINE)).expect("a socket");
        caller
    }

    /// What a caller is told who says this and no more.
    fn told(&self, said: &[u8]) -> Value {
        let mut caller = self.call();
        // Whoever says too much is answered before he has said all of it.
        let _ = caller.write_all(said);
        let _ = caller.shutdown(Shutdown::Write);
        answer_of(caller)
    }

    #[track_caller]
    fn check(&self, said: &[u8], expected: &str) {
        let told = self.told(said);
        assert!(told["error"].as_str().is_some_and(|error| error.contains(expected)), "{told}");
    }
}

/// A caller of a cluster that nobody else belongs to.
fn prober() -> Prober {
    let authority = Authority::found([7; 16], Validity::days(2)).expect("founded");
    let own = authority.issue(1, Validity::days(1)).expect("issued");
    let (ca, certificate, key) = (authority.certificate_pem(), &own.certificate_pem, &own.key_pem);
    Prober::new(PeerTls::new([7; 16], ReplicaId(1), PeerPems { ca, certificate, key, revoked: None }).expect("it fits"))
}

#[test]
fn what_is_told_of_the_folder_is_the_log_and_nothing_beside_it() {
    let socket = Socket::open();
    let home = socket.home.path();
    for (name, text) in [("site.toml", "a site"), ("replica", "1\n"), ("n1.key", "a secret")] {
        std::fs::write(home.join(name), text).expect("room");
    }
    std::fs::create_dir(home.join("log")).expect("room");
    std::fs::write(home.join("log/log-00000000000000000001.seg"), vec![7; 2_000_000]).expect("room");
    let listed = socket.told(b"{\"command\":\"evidence\"}\n");
    let names: Vec<&str> =
        listed["files"].as_array().expect("a list").iter().filter_map(|file| file["name"].as_str()).collect();
    assert_eq!(names, ["site.toml", "replica", "log/log-00000000000000000001.seg"]);
    assert_eq!(listed["files"][2]["bytes"], 2_000_000);
    let piece = |name: &str, offset: u64| {
        let asked = serde_json::json!({ "command": "piece", "name": name, "offset": offset });
        socket.told(format!("{asked}\n").as_bytes())
    };
    assert_eq!(piece("replica", 0)["data"], "MQo=");
    let lengths = [0, 1 << 20, 2_000_000].map(|offset| piece(names[2], offset)["data"].as_str().expect("a text").len());
    assert_eq!(lengths, [1_398_104, 1_268_568, 0], "pieces of 1 MiB, then the rest, then none");
    for hidden in ["n1.key", "../x", "/etc/passwd", "log/../n1.key", ""] {
        assert!(piece(hidden, 0)["error"].as_str().is_some_and(|error| error.contains("not found")), "{hidden}");
    }
}

fn answer_of(mut caller: Caller) -> Value {
    let mut line = String::new();
    // A caller whose words were not all read is cut off after the answer.
    let _ = caller.read_to_string(&mut line);
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

const LIST: &[u8] = b"{\"command\":\"list\"}\n";

#[test]
fn what_is_no_request_is_refused_in_words() {
    let socket = Socket::open();
    let bytes_max = usize::try_from(REQUEST_BYTES_MAX).expect("small");
    socket.check(b"", "one line of at most 4096 bytes");
    socket.check(b"{\"command\":\"list\"}", "one line of at most 4096 bytes");
    socket.check(&vec![b' '; bytes_max], "one line of at most 4096 bytes");
    socket.check(b"list\n", "no request");
    socket.check(b"{\"command\":\"list\",\"model\":\"x\"}\n", "no request");
    socket.check(b"{\"command\":\"delete\"}\n", "no request");
    socket.check(b"{\"command\":\"shadow\",\"model\":\"x\",\"dry_run\":false}\n", "missing field `reason`");
    socket.check(b"{\"command\":\"cluster\",\"of\":1}\n", "no request");
    socket.check(b"{\"command\":\"handover\",\"to\":2,\"dry_run\":false}\n", "missing field `reason`");
    socket.check(
        b"{\"command\":\"add\",\"replica\":4,\"address\":\"n4\",\"reason\":\"x\",\"dry_run\":true}\n",
        "no request",
    );
    socket.check(b"{\"command\":\"forget\",\"replica\":4,\"reason\":\"x\",\"dry_run\":true}\n", "although_alive");
    let drill = b"{\"command\":\"drill\",\"drill\":\"x\",\"seed\":1,\"stage\":\"refused\",\"reason\":\"x\"}\n";
    socket.check(drill, "unknown variant `refused`");
    socket.check(b"{\"command\":\"handover\",\"to\":70000,\"reason\":\"x\",\"dry_run\":false}\n", "no request");
}

#[test]
fn a_wish_for_another_leader_names_who_asks_and_is_answered_with_how_long_it_took() {
    let mut socket = Socket::open();
    let mut caller = socket.call();
    caller.write_all(b"{\"command\":\"handover\",\"to\":3,\"reason\":\"x\",\"dry_run\":false}\n").expect("it reads");
    let Some(Ask { what: Question::Do(wish), answer }) = socket.asked.blocking_recv() else { panic!("a wish") };
    assert!(wish.action == Action::HandOver(ReplicaId(3)) && wish.actor.contains("uid "), "{wish:?}");
    let told = Told::HandedOver { index: 9, leader: 3, term: 4, took: Duration::from_micros(2_520) };
    answer.send(told).expect("it waits");
    assert_eq!(answer_of(caller).to_string(), r#"{"index":9,"leader":3,"term":4,"took_ms":2.52}"#);
}

#[test]
fn a_wish_about_members_is_waited_for_longer_and_answered_with_who_votes() {
    let mut socket = Socket::open();
    let mut caller = socket.call();
    let wish = b"{\"command\":\"forget\",\"replica\":3,\"although_alive\":false,\"reason\":\"x\",\"dry_run\":false}\n";
    caller.write_all(wish).expect("it reads");
    let Some(Ask { what: Question::Do(wish), answer }) = socket.asked.blocking_recv() else { panic!("a wish") };
    let forget = MemberChange::Forget { replica: ReplicaId(3), although_alive: false };
    assert_eq!(wish.action, Action::Members(forget));
    assert!(members::deadline(&Question::Do(wish)) > Some(ANSWER_DEADLINE));
    let changed = Changed { index: 11, voters: vec![ReplicaId(1), ReplicaId(2)] };
    answer.send(Told::Members { index: 9, changed, took: Duration::from_millis(3) }).expect("it waits");
    let told = serde_json::json!({ "index": 9, "membership_index": 11, "took_ms": 3.0, "voters": [1, 2] });
    assert_eq!(answer_of(caller), told);
}

#[test]
fn who_is_to_be_a_member_is_called_before_anything_is_written() {
    let mut socket = Socket::open();
    let mut caller = socket.call();
    // Nobody listens at the port of echo here.
    let wish = b"{\"command\":\"add\",\"replica\":4,\"address\":\"127.0.0.1:7\",\"reason\":\"x\",\"dry_run\":false}\n";
    caller.write_all(wish).expect("it reads");
    let Some(Ask { what: Question::Check(_), answer }) = socket.asked.blocking_recv() else { panic!("a check") };
    answer.send(Told::Would).expect("it waits");
    let Some(Ask { what: Question::Cluster, answer }) = socket.asked.blocking_recv() else { panic!("the members") };
    answer.send(Told::Cluster(serde_json::json!({ "members": [{ "replica": 1 }] }))).expect("it waits");
    let told = answer_of(caller);
    assert!(told["refused"].as_str().is_some_and(|why| why.starts_with("n4 at 127.0.0.1:7: ")), "{told}");
    assert!(socket.asked.try_recv().is_err(), "nothing was asked for");
}

#[test]
fn what_is_named_must_be_of_the_site_and_what_is_asked_for_is_understood() {
    let mut socket = Socket::open();
    let refused = |said: &str, expected: &str| {
        let told = socket.told(format!("{said}\n").as_bytes());
        assert!(told["refused"].as_str().is_some_and(|why| why.contains(expected)), "{told}");
    };
    refused(r#"{"command":"hold","device":"K99","reason":"x","dry_run":false}"#, "the site has no device `K99`");
    refused(r#"{"command":"restore","rack":"Z1","reason":"x","dry_run":true}"#, "the site has no rack `Z1`");
    refused(r#"{"command":"acknowledge","alarm":"x","reason":"x","dry_run":false}"#, "there is no alarm `x`");
    let shown = socket.told(b"{\"command\":\"site\"}\n");
    assert_eq!(shown["alarms"], serde_json::json!([]), "{shown}");
    let mut understood = |said: &str| {
        let mut caller = socket.call();
        caller.write_all(format!("{said}\n").as_bytes()).expect("it reads");
        let Some(Ask { what: Question::Check(wish) | Question::Do(wish), .. }) = socket.asked.blocking_recv() else {
            panic!("a wish: {said}")
        };
        wish.action
    };
    let kesm = ridethrough_core::device::DeviceId::Kesm(ridethrough_core::site::KesmId(0));
    let hold = r#"{"command":"hold","device":"kesm K1","reason":"x","dry_run":false}"#;
    assert_eq!(understood(hold), Action::Hold(kesm));
    let release = r#"{"command":"release","device":"K1","reason":"x","dry_run":true}"#;
    assert_eq!(understood(release), Action::Resume(kesm));
    let shelve = r#"{"command":"shelve","alarm":"device-silent:kesm-K1","span_ms":5,"reason":"x","dry_run":false}"#;
    assert!(
        matches!(understood(shelve), Action::Shelve(alarm, span) if span.get() == 5 && alarm.kind.as_str() == "device-silent")
    );
    let manual = r#"{"command":"manual","on":true,"reason":"x","dry_run":false}"#;
    assert_eq!(understood(manual), Action::ManualOn);
}

#[test]
fn a_request_of_the_greatest_length_is_heard() {
    let mut socket = Socket::open();
    let mut line = vec![b' '; usize::try_from(REQUEST_BYTES_MAX).expect("small")];
    let begin = line.len() - LIST.len();
    line[begin..].copy_from_slice(LIST);
    let mut caller = socket.call();
    caller.write_all(&line).expect("it reads");
    let Some(Ask { what: Question::Models, answer }) = socket.asked.blocking_recv() else { panic!("a list") };
    answer.send(Told::NotLeader { leader: Some(2) }).expect("it waits");
    assert_eq!(answer_of(caller)["leader"], 2);
}

#[test]
fn whoever_says_nothing_is_told_so_and_keeps_nobody_out() {
    let socket = Socket::open();
    let silent: Vec<Caller> = (0..CALLERS_MAX).map(|_| socket.call()).collect();
    // All places are taken: the next one waits until a silent one is told that his time is up, and then has his turn.
    socket.check(b"list\n", "no request");
    for caller in silent {
        assert_eq!(answer_of(caller)["error"], "no request came");
    }
}

#[test]
fn questions_that_the_control_thread_does_not_take_are_answered_nevertheless() {
    let mut socket = Socket::open();
    let answers = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS_MAX).map(|_| scope.spawn(|| socket.told(LIST))).collect();
        callers.into_iter().map(|caller| caller.join().expect("told")).collect::<Vec<_>>()
    });
    for told in answers {
        assert!(told["error"].as_str().is_some_and(|error| error.contains("no answer in time")), "{told}");
    }
    // They lie there, their askers gone; when there is no room for more, that is said at once.
    let more: Vec<Caller> = (0..WAITING_MAX - CALLERS_MAX).map(|_| socket.call()).collect();
    for mut caller in &more {
        caller.write_all(LIST).expect("it reads");
    }
    let deadline = Instant::now() + DEADLINE;
    while socket.asked.len() < WAITING_MAX {
        assert!(Instant::now() < deadline, "{} questions wait", socket.asked.len());
        thread::sleep(Duration::from_millis(5));
    }
    socket.check(LIST, "too many operators ask at once");
    assert!(socket.asked.try_recv().is_ok_and(|ask| ask.answer.is_closed()));
}

#[test]
fn a_drill_of_a_cluster_that_is_no_demo_is_refused_and_written_down() {
    let mut socket = Socket::open();
    let mut caller = socket.call();
    let begin =
        b"{\"command\":\"drill\",\"drill\":\"kill-leader\",\"seed\":42,\"stage\":\"begun\",\"reason\":\"Tuesday\"}\n";
    caller.write_all(begin).expect("it reads");
    let Some(Ask { what: Question::Do(wish), answer }) = socket.asked.blocking_recv() else { panic!("a wish") };
    let Action::Drill(note) = &wish.action else { panic!("{wish:?}") };
    assert_eq!((note.drill.as_str(), note.seed, note.stage), ("kill-leader", 42, DrillStage::Refused));
    assert!(wish.actor.contains("uid ") && wish.reason == "Tuesday", "{wish:?}");
    answer.send(Told::Done { index: 7, before: false }).expect("it waits");
    let told = answer_of(caller);
    assert!(told["index"] == 7 && told["refused"].as_str().is_some_and(|why| why.contains("no demo")), "{told}");
}
