//! What is wrong with a model or with what racks say leads to the rule, and into the log: real replicas, the real model,
//! and a plant whose meters fail.

use std::path::Path;

use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::stage::{Play, Stage, verify};
use ridethrough_tests::{alone, copy, demo_scenario, edit, flip, folder, model_files, read, root, run, write};

/// A refused model is said within the first second that the forecast's thread has committed, and a proposal's deadline.
const TICKS_TO_SAY: u64 = 50;

/// What the audit says of the forecasts, or of the models.
fn told(home: &Path, kind: &str) -> Vec<String> {
    let verified = verify(home);
    assert_eq!(verified.code(), 0, "{verified:?}");
    let log = run("ridectl", &["audit", "log", "--dir", &home.join("n1").display().to_string()]).stdout;
    log.lines().filter_map(|line| line.split_once(kind)).map(|(_, words)| words.to_owned()).collect()
}

/// A rack that is busy, whose meter then stands still, and one whose PDU falls silent for a while.
const FAULTS: &str = "\n[[event]]\nat_s = 40\nrack = \"A2\"\nwhat = \"frozen\"\n\n\
                      [[event]]\nat_s = 45\nfor_s = 15\nrack = \"B2\"\nwhat = \"mute\"\n";

#[test]
#[ignore = "takes minutes: `cargo xtask nightly` runs it"]
fn frozen_and_silent_meters_are_the_rules_and_are_told() {
    let _alone = alone();
    let home = folder();
    let scenario = home.path().join("scenario");
    copy(&demo_scenario(), &scenario);
    let file = scenario.join("scenario.toml");
    edit(&file, "data = \"../../../data\"", &format!("data = \"{}\"", root().join("data").display()));
    write(&file, read(&file) + FAULTS);
    let mut stage = Stage::begin(home.path(), &Play { scenario, ..Play::default() });
    stage.wait_for_sources("forecasts by the model everywhere", |_, source| source.starts_with("model "));
    for id in 1..=REPLICAS {
        stage.wait_for_count(id, "ridethrough_forecast_by_rule{reason=\"meter frozen\"} 1");
    }
    stage.end();
    let told = told(home.path(), "forecast  n");
    println!("{}", told.join("\n"));
    let says = |rack: &str, how: &str| {
        told.iter().any(|line| {
            let names = line.split_once(": ").and_then(|(_, words)| words.strip_suffix(how));
            names.is_some_and(|names| names.split(", ").any(|name| name == rack))
        })
    };
    assert!(says("A2", " forecast by the rule (meter frozen)"), "{told:?}");
    assert!(says("B2", " forecast by the rule (cold start)"), "{told:?}");
    assert!(says("B2", " forecast by the model again"), "{told:?}");
    assert!(says("row B", " forecast by the rule (cold start)"), "{told:?}");
}

/// Each replica has the same bad files, whose bit was flipped, and the leader says so.
fn check_refused(spoil: &str, reason: &str) {
    let home = folder();
    let [model, manifest, runtime] = model_files();
    let copies = [(&model, "m.onnx"), (&manifest, "m.json"), (&manifest.with_extension("json.sig"), "m.json.sig")];
    let [model, manifest, _] = copies.map(|(from, name)| {
        let to = home.path().join(name);
        write(&to, std::fs::read(from).expect("the committed files"));
        to
    });
    flip(&home.path().join(spoil), |length| length / 2);
    let mut stage = Stage::start(home.path(), &Play { model: [model, manifest, runtime], ..Play::default() });
    let leader = stage.leader();
    stage.wait_for_sources("the rule everywhere", |_, source| source == "rule (model refused)");
    assert!(stage.counts(leader, &format!("ridethrough_model_refused{{reason=\"{reason}\"}} 1")));
    let ticks = |cluster: &Cluster| cluster.snapshot(leader).map(|one| one.counters.ticks);
    let begun = stage.wait_for("the leader's ticks", ticks);
    stage.wait_for("ticks in which it is said", |cluster| ticks(cluster).filter(|now| *now >= begun + TICKS_TO_SAY));
    stage.end();
    let told = told(home.path(), "model     n");
    assert!(told.iter().any(|line| line.ends_with(&format!("is refused there ({reason})"))), "{told:?}");
}

#[test]
#[ignore = "takes minutes: `cargo xtask nightly` runs it"]
fn a_model_with_a_flipped_bit_is_refused_and_told() {
    let _alone = alone();
    check_refused("m.onnx", "damaged");
    check_refused("m.json", "bad signature");
}
