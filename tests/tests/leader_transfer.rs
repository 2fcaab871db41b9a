//! Three real replicas and a plant: leadership goes where an operator wants it, through the log, and what is no good wish is
//! refused in words.

use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::stage::{DEADLINE, Play, Stage, verify};
use ridethrough_tests::{Ended, alone, folder, run};
use serde_json::Value;

fn ask(stage: &Stage, of: u16, words: &[&str]) -> Ended {
    let data = stage.data(of);
    run("ridectl", &[&["cluster"], words, &["--data-dir", &data, "-o", "json"]].concat())
}

/// Asks whoever leads for a transfer to another than itself; again while the leader changes or the peer is behind.
fn transfer(stage: &mut Stage) -> (u16, Ended) {
    let until = Instant::now() + DEADLINE;
    loop {
        let leader = stage.leader();
        let to = leader % REPLICAS + 1;
        let ended = ask(stage, leader, &["transfer", "--to", &to.to_string(), "--reason", "a new kernel"]);
        if ended.code() == 0 || Instant::now() > until {
            return (to, ended);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn leadership_goes_where_an_operator_wants_it_and_the_log_tells_it() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    bad_wishes_are_refused(&mut stage);
    let (to, ended) = transfer(&mut stage);
    assert_eq!(ended.code(), 0, "{ended:?}");
    let told = ended.json();
    assert_eq!(told["leader"], to, "{told}");
    stage.wait_for("the new leader acting, and hearing every device", |cluster| {
        let all: Vec<_> = cluster.snapshots().into_iter().flatten().collect();
        let acts = all.iter().any(|one| one.replica == to && one.acting && one.devices_heard == one.devices);
        let others = all.iter().filter(|one| one.replica != to).all(|one| !one.acting && one.leader == Some(to));
        (acts && others).then_some(())
    });
    let folder = stage.home.clone();
    stage.end();
    let index = told["index"].as_u64().expect("an entry").to_string();
    let first = folder.join("n1").display().to_string();
    let words = run("ridectl", &["audit", "explain", &index, "--dir", &first]).stdout;
    assert!(words.contains(&format!("let n{to} lead")) && words.contains("a new kernel"), "{words}");
    let verified = verify(&folder);
    assert!(verified.code() == 0 && verified.json()["verified"] == Value::Bool(true), "{verified:?}");
}

fn bad_wishes_are_refused(stage: &mut Stage) {
    let leader = stage.leader();
    let other = leader % REPLICAS + 1;
    let told = ask(stage, leader, &["status"]).json();
    assert_eq!(told["members"].as_array().map(Vec::len), Some(usize::from(REPLICAS)), "{told}");
    let refused = |of: u16, to: u16, reason: &str, expected: &str| {
        let ended = ask(stage, of, &["transfer", "--to", &to.to_string(), "--reason", reason]);
        let code = if of == leader { 4 } else { 3 };
        assert!(ended.code() == code && ended.stdout.contains(expected), "expected `{expected}`: {ended:?}");
    };
    refused(leader, leader, "a test", "leads already");
    refused(leader, 9, "a test", "n9 is no voting member");
    refused(leader, other, " ", "the reason must have 1 to 256 bytes");
    refused(other, leader, "a test", "does not lead");
    let dry = ask(stage, leader, &["transfer", "--to", &other.to_string(), "--reason", "a test", "--dry-run"]);
    assert!(dry.code() == 0 && dry.json()["would"] == Value::Bool(true), "{dry:?}");
}
