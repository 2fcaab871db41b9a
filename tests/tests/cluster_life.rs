//! The life of a cluster in real processes: a replica dies, is forgotten and replaced while devices are commanded; then all are
//! lost, and the cluster goes on from a backup, above what devices have obeyed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::stage::{DEADLINE, Play, Stage};
use ridethrough_tests::{Ended, alone, folder, run};
use serde_json::Value;

fn ask(stage: &Stage, of: u16, words: &[&str]) -> Ended {
    let data = stage.data(of);
    run("ridectl", &[&["cluster"], words, &["--data-dir", &data, "-o", "json"]].concat())
}

/// Asks whoever leads, again while the leader changes or somebody is still taken for alive.
fn done(stage: &mut Stage, words: &[&str]) -> Value {
    let until = Instant::now() + DEADLINE;
    loop {
        let leader = stage.leader();
        let ended = ask(stage, leader, words);
        if ended.code() == 0 {
            return ended.json();
        }
        assert!(Instant::now() < until, "{words:?}: {ended:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn wait_for_all(stage: &mut Stage, replicas: usize) {
    stage.wait_for("a leader that hears every device, and its followers", |cluster| {
        let all: Vec<_> = cluster.snapshots().into_iter().flatten().collect();
        let leads = all.iter().find(|one| one.acting && one.devices_heard == one.devices)?;
        let follow = all.iter().filter(|one| one.leader == Some(leads.replica)).count();
        (follow == replicas).then_some(())
    });
}

#[test]
fn a_replica_is_replaced_and_a_lost_cluster_goes_on_from_its_backup() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    let dead = stage.leader() % REPLICAS + 1;
    bad_wishes_are_refused(&mut stage, dead);
    replace(&mut stage, dead);
    lose_all_and_restore(&mut stage);
    let folder = stage.home.clone();
    stage.end();
    let dirs: Vec<String> = (1..=REPLICAS).map(|id| folder.join(format!("n{id}")).display().to_string()).collect();
    let words: Vec<&str> =
        ["audit", "verify", "-o", "json"].into_iter().chain(dirs.iter().map(String::as_str)).collect();
    let verified = run("ridectl", &words);
    assert!(verified.code() == 0 && verified.json()["verified"] == Value::Bool(true), "{verified:?}");
    let told = run("ridectl", &["audit", "log", "--kind", "membership", "--dir", &dirs[0]]).stdout;
    assert!(told.contains(&format!("forget n{dead}")) && told.contains(&format!("add n{dead}")), "{told}");
}

fn bad_wishes_are_refused(stage: &mut Stage, follower: u16) {
    let leader = stage.leader();
    let (own, alive) = (leader.to_string(), follower.to_string());
    let refused = |words: &[&str], expected: &str| {
        let ended = ask(stage, leader, &[words, &["--reason", "a test"]].concat());
        assert!(ended.code() == 4 && ended.stdout.contains(expected), "expected `{expected}`: {ended:?}");
    };
    refused(&["forget", "--replica", &own], "let another lead first");
    refused(&["forget", "--replica", "9"], "n9 is no member");
    refused(&["add", "--replica", &alive, "--address", "127.0.0.1:9"], "is a member already");
    refused(&["add", "--replica", "4", "--address", "127.0.0.1:9"], "n4 at 127.0.0.1:9");
}

fn replace(stage: &mut Stage, dead: u16) {
    let number = dead.to_string();
    let members = done(stage, &["status"]);
    let address = members["members"].as_array().into_iter().flatten().find(|one| one["replica"] == dead);
    let address = address.and_then(|one| one["address"].as_str()).expect("it is a member").to_owned();
    stage.cluster.kill(dead).expect("killed");
    let forgotten = done(stage, &["forget", "--replica", &number, "--reason", "its board burnt"]);
    assert_eq!(forgotten["voters"].as_array().map(Vec::len), Some(2), "{forgotten}");
    fs::remove_dir_all(stage.data(dead)).expect("it was there");
    stage.cluster.start(dead).expect("starts");
    let added = done(stage, &["add", "--replica", &number, "--address", &address, "--reason", "a new board"]);
    assert_eq!(added["voters"].as_array().map(Vec::len), Some(usize::from(REPLICAS)), "{added}");
    wait_for_all(stage, usize::from(REPLICAS));
}

/// A backup of a replica that runs; then every folder is gone but the backup.
fn lose_all_and_restore(stage: &mut Stage) {
    let backup = stage.home.join("backup").display().to_string();
    let taken = done(stage, &["backup", "--to", &backup]);
    let last = taken["last_index"].as_u64().expect("an entry");
    assert!(!Path::new(&backup).join("operator.sock").exists() && taken["committed_index"].is_u64(), "{taken}");
    let (term, index) = ((taken["term"].as_u64().expect("a term") + 9).to_string(), (last + 400).to_string());
    for id in 1..=REPLICAS {
        stage.cluster.kill(id).expect("killed");
        fs::rename(stage.data(id), format!("{}.lost", stage.data(id))).expect("put aside");
    }
    for id in 1..=REPLICAS {
        let config = stage.home.join(format!("n{id}.toml")).display().to_string();
        let from = ["cluster", "restore", "--from", &backup, "--config", &config];
        let above = ["--above-term", &term, "--above-index", &index, "-o", "json"];
        let restored = run("ridectl", &[&from[..], &above[..]].concat());
        assert!(restored.code() == 0 && restored.json()["replayed"] == Value::Bool(true), "{restored:?}");
        let again = run("ridectl", &from);
        assert!(again.code() == 2 && again.stderr.contains("is not empty"), "{again:?}");
    }
    (1..=REPLICAS).for_each(|id| stage.cluster.start(id).expect("starts"));
    wait_for_all(stage, usize::from(REPLICAS));
    let leader = stage.leader();
    let status = ask(stage, leader, &["status"]).json();
    assert_eq!(status["devices_ahead"], Value::Null, "{status}");
    assert!(status["committed_index"].as_u64() > index.parse().ok(), "{status}");
}
