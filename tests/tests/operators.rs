//! Three real replicas and a plant: what an operator sees and asks for, who may, and that a failover forgets no alarm.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::stage::{Play, Stage, verify};
use ridethrough_tests::{Ended, alone, edit, folder, program, run, run_command};

/// Users of no system: they own nothing and are in no group.
const VIEWER: u32 = 64_001;
const OPERATOR: u32 = 64_002;
const NOBODY: u32 = 64_003;
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

#[track_caller]
fn check(ended: &Ended, code: i32, expected: &str) {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(ended.code() == code && said.contains(expected), "expected {code} and `{expected}`: {ended:?}");
}

fn give_roles(cluster: &Cluster) {
    for node in &cluster.nodes {
        let roles = format!("[roles]\nviewer = [\"{VIEWER}\"]\noperator = [\"{OPERATOR}\"]\n\n[http]");
        edit(&node.config, "[http]", &roles);
    }
}

#[test]
fn operators_see_and_change_what_their_role_allows_and_the_log_tells_it() {
    let _alone = alone();
    let home = folder();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut stage = Stage::start_with(home.path(), &Play::default(), give_roles);
    stage.play();
    let leader = stage.leader();
    check(&ridectl(&stage, leader, &["health", "--wait", "10s"]), 0, "healthy");
    who_may(&stage, leader);
    a_rack_is_held_to_less(&mut stage, leader);
    a_device_is_held(&mut stage, leader);
    an_alarm_outlives_its_leader(&mut stage);
    let folder = stage.home.clone();
    stage.end();
    let first = folder.join("n1").display().to_string();
    let log = run("ridectl", &["audit", "log", "--dir", &first, "--kind", "operation"]).stdout;
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
    check(&ridectl_as(OPERATOR, stage, leader, &transfer), 1, "your role is operator; this needs engineer");
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
    check(&ridectl(stage, leader, &["hold", "K9", "--reason", "bearing"]), 0, "done      hold K9");
    check(&ridectl(stage, leader, &["hold", "K9", "--reason", "bearing"]), 4, "kesm K9 is held by an operator");
    check(&ridectl(stage, leader, &["transfer", "A4", "--watts", "2kW", "--from", "K9", "--reason", "no"]), 4, "K9");
    check(&ridectl(stage, leader, &["release", "K9", "--reason", "new bearing"]), 0, "done      release K9");
    check(&ridectl(stage, leader, &["alarm", "ack", "no-such:alarm", "--reason", "x"]), 4, "there is no alarm");
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
