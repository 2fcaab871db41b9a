//! Three real replicas and a plant: a second signed model is tried in shadow, promoted, and taken back, by an operator's
//! commands and through the log. Bad files lie beside it all the time and are never used.

use std::path::Path;
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::models::{Named, committed, variant};
use ridethrough_tests::stage::{DEADLINE, Play, Stage, verify};
use ridethrough_tests::{Ended, alone, flip, folder, run};
use serde_json::Value;

fn ask(stage: &Stage, id: u16, words: &[&str]) -> Ended {
    let data = stage.data(id);
    run("ridectl", &[&["model"], words, &["--data-dir", &data, "-o", "json"]].concat())
}

/// Asks whoever leads, again when that has just changed.
fn operate(stage: &mut Stage, words: &[&str]) -> Ended {
    let until = Instant::now() + DEADLINE;
    loop {
        let leader = stage.leader();
        let ended = ask(stage, leader, words);
        let elsewhere = ended.code() == 2 || ended.stdout.contains("does not lead");
        if !elsewhere || Instant::now() > until {
            return ended;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Until every replica decides by this model, and the leader's forecasts of racks name it.
fn wait_until_decides(stage: &mut Stage, named: &Named) {
    stage.wait_for(&format!("{} deciding everywhere", named.id), |cluster| {
        let all: Vec<_> = cluster.snapshots().into_iter().flatten().collect();
        let decides = all.iter().all(|one| one.models.deciding.as_ref() == Some(&named.id));
        (all.len() == usize::from(REPLICAS) && decides && all.iter().all(|one| one.forecast_source == named.source))
            .then_some(())
    });
}

#[test]
fn a_model_is_tried_promoted_and_taken_back_through_the_log() {
    let _alone = alone();
    let (home, shelf) = (folder(), folder());
    let (default, signed) = committed();
    let next = variant(shelf.path(), "next", signed + 1);
    variant(shelf.path(), "flipped", signed + 2);
    flip(&shelf.path().join("flipped.json"), |length| length / 2);
    variant(shelf.path(), "unsigned", signed + 3);
    std::fs::remove_file(shelf.path().join("unsigned.json.sig")).expect("removed");

    let mut stage = Stage::begin(home.path(), &Play { models: Some(shelf.path().to_owned()), ..Play::default() });
    wait_until_decides(&mut stage, &default);

    bad_files_and_bad_wishes_are_refused(&mut stage);
    let shadow = ["shadow", "next", "--reason", "a week beside the old one"];
    let dry = operate(&mut stage, &[&shadow[..], &["--dry-run"]].concat());
    assert!(dry.code() == 0 && dry.json()["would"] == Value::Bool(true), "{dry:?}");
    let shadowed = operate(&mut stage, &shadow);
    assert_eq!(shadowed.code(), 0, "{shadowed:?}");
    stage.wait_for("the shadow being judged beside what decides", |cluster| {
        let leader = cluster.snapshots().into_iter().flatten().find(|one| one.acting)?;
        assert_eq!(leader.models.deciding.as_ref(), Some(&default.id), "a shadow decides nothing");
        let scores = leader.models.scores;
        (scores.len() == 2 && scores.iter().all(|score| score.judged > 0)).then_some(())
    });
    let promoted = operate(&mut stage, &["promote", "next", "--reason", "it was as good"]);
    assert_eq!(promoted.code(), 0, "{promoted:?}");
    wait_until_decides(&mut stage, &next);
    let back = operate(&mut stage, &["rollback", "--reason", "only a test"]);
    assert_eq!(back.code(), 0, "{back:?}");
    wait_until_decides(&mut stage, &default);

    let home = stage.home.clone();
    stage.end();
    let entries = [&shadowed, &promoted, &back].map(|ended| ended.json()["index"].as_u64().expect("an entry"));
    the_audit_tells_it(&home, entries, &next);
}

fn bad_files_and_bad_wishes_are_refused(stage: &mut Stage) {
    let leader = stage.leader();
    let listed = ask(stage, leader, &["list"]);
    assert_eq!(listed.code(), 0, "{listed:?}");
    let why = |name: &str| {
        let told = listed.json();
        let models = told["models"].as_array().expect("a list").clone();
        models.into_iter().find(|one| one["name"] == *name).map(|one| one["refused"].clone())
    };
    assert_eq!(why("flipped"), Some("bad signature".into()), "{listed:?}");
    assert_eq!(why("unsigned"), Some("unsigned".into()), "{listed:?}");
    assert_eq!(why("next"), Some(Value::Null), "{listed:?}");
    for (words, expected) in [
        (&["shadow", "flipped", "--reason", "a test"][..], "manifest or signature was changed"),
        (&["shadow", "unsigned", "--reason", "a test"], "ridectl model sign"),
        (&["shadow", "gone", "--reason", "a test"], "there is no model `gone`"),
        (&["promote", "next", "--reason", "a test"], "is not in shadow, nothing is"),
        (&["rollback", "--reason", "a test"], "there is none to go back from"),
        (&["rollback", "--reason", " "], "the reason must have 1 to 256 bytes"),
    ] {
        let ended = operate(stage, words);
        assert_eq!(ended.code(), 4, "{words:?}: {ended:?}");
        assert!(ended.stdout.contains(expected), "expected `{expected}`: {ended:?}");
    }
    let leader = stage.leader();
    let follower = (1..=REPLICAS).find(|id| *id != leader).expect("there are three");
    let ended = ask(stage, follower, &["rollback", "--reason", "a test"]);
    assert!(ended.code() == 3 && ended.stdout.contains("does not lead"), "{ended:?}");
}

fn the_audit_tells_it(home: &Path, [shadowed, promoted, back]: [u64; 3], next: &Named) {
    let first = home.join("n1").display().to_string();
    let verified = verify(home);
    assert!(verified.code() == 0 && verified.json()["verified"] == Value::Bool(true), "{verified:?}");
    let explain = |index: u64| run("ridectl", &["audit", "explain", &index.to_string(), "--dir", &first]).stdout;
    for (index, what, reason) in [
        (shadowed, format!("try model {} in shadow", next.id), "a week beside the old one"),
        (promoted, format!("let model {} decide", next.id), "it was as good"),
        (back, "let the model decide that did before".into(), "only a test"),
    ] {
        let told = explain(index);
        assert!(told.contains(&what) && told.contains(reason) && told.contains("uid "), "{told}");
    }
    // What was decided while it decided says so, and nothing else does.
    let log = run("ridectl", &["audit", "log", "--dir", &first, "-o", "json"]).json();
    let indices = log.as_array().expect("a list").iter().filter_map(|entry| entry["index"].as_u64());
    let indices = indices.filter(|index| (promoted.saturating_sub(20)..=back + 20).contains(index));
    let named: Vec<u64> = indices.filter(|index| explain(*index).contains(&format!("by {}", next.source))).collect();
    println!("{} decisions were made by {}", named.len(), next.id);
    assert!(named.iter().all(|index| (promoted..=back + 5).contains(index)), "{named:?}");
}
