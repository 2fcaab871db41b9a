//! Three real replicas and a plant: a second signed model is tried in shadow, promoted, and taken back, by an operator's
//! commands and through the log. Bad files lie beside it all the time and are never used.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::Orders;
use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS, Setup};
use ridethrough_fault_injection::demo::plant::{Plant, PlantSetup};
use ridethrough_tests::{
    Ended, alone, demo_scenario, edit, flip, folder, model_files, program, programs, read, root, run, write,
};
use serde_json::Value;

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(3);

/// A model as the log names it, such as `8bae15f5 version 3`, and as a forecast does, such as `model 8bae15f5`.
struct Named {
    id: String,
    source: String,
}

/// A copy of the committed model under another name, with a field of words added: another file, which computes the same.
fn variant(models: &Path, name: &str, version: u64) -> Named {
    let [model, manifest, _] = model_files();
    let bytes = std::fs::read(&model).expect("the committed model");
    // Field 6 of an ONNX model is text for people; protobuf takes the last one that it reads.
    let words = [&[0x32, u8::try_from(name.len()).expect("short")][..], name.as_bytes()].concat();
    let file = models.join(format!("{name}.onnx"));
    write(&file, [bytes, words].concat());
    let told: Value = serde_json::from_str(&read(&manifest)).expect("the manifest is JSON");
    let old = told["sha256"].as_str().expect("a hash").to_owned();
    let new = sha256(&file);
    let copied = models.join(format!("{name}.json"));
    write(&copied, read(&manifest));
    edit(&copied, &old, &new);
    sign(&copied, version);
    Named { id: format!("{} version {version}", &new[..8]), source: format!("model {}", &new[..8]) }
}

fn sha256(file: &Path) -> String {
    let told = std::process::Command::new("sha256sum").arg(file).output().expect("sha256sum runs");
    String::from_utf8_lossy(&told.stdout).split(' ').next().expect("a hash").to_owned()
}

fn sign(manifest: &Path, version: u64) {
    let key = root().join("model/demo-signing.key").display().to_string();
    let (version, manifest) = (version.to_string(), manifest.display().to_string());
    let ended = run("ridectl", &["model", "sign", "--key", &key, "--version", &version, &manifest]);
    assert_eq!(ended.code(), 0, "{ended:?}");
}

/// The processes, and whom to ask.
struct Stage {
    home: PathBuf,
    cluster: Cluster,
    plant: Plant,
}

impl Stage {
    fn start(home: &Path, models: &Path) -> Self {
        let setup = Setup {
            home: home.to_owned(),
            programs: programs(),
            site: demo_scenario().join("site.toml"),
            model: Some(model_files()),
            orders: Orders::One,
        };
        let mut cluster = Cluster::prepare(&setup).expect("configurations can be written");
        for node in &cluster.nodes {
            // The forecast's section is the last one.
            let mut config = OpenOptions::new().append(true).open(&node.config).expect("there");
            writeln!(config, "models = \"{}\"", models.display()).expect("room");
        }
        let scenario = demo_scenario();
        let plant = Plant::start(&PlantSetup {
            drill: program("drill"),
            scenario: &scenario,
            replicas: cluster.nodes.iter().map(|node| node.dpcn).collect(),
            orders: Orders::One,
            replicas_b: cluster.nodes.iter().map(|node| node.dpcn_b).collect(),
            secret: &cluster.secret.clone(),
            records: &home.join("records"),
            nvm: &home.join("nvm"),
        })
        .expect("the plant starts");
        (1..=REPLICAS).for_each(|id| cluster.start(id).expect("a replica starts"));
        Self { home: home.to_owned(), cluster, plant }
    }

    fn wait_for<T>(&mut self, what: &str, mut found: impl FnMut(&Cluster) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        loop {
            self.cluster.check_alive().expect("every replica runs");
            self.plant.listen().expect("the plant runs");
            if let Some(found) = found(&self.cluster) {
                return found;
            }
            assert!(Instant::now() < until, "{DEADLINE:?} went by without {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn leader(&mut self) -> u16 {
        self.wait_for("a leader that may act", |cluster| {
            cluster.snapshots().into_iter().flatten().find(|one| one.acting).map(|one| one.replica)
        })
    }

    fn data(&self, id: u16) -> String {
        self.home.join(format!("n{id}")).display().to_string()
    }

    fn ask(&self, id: u16, words: &[&str]) -> Ended {
        let data = self.data(id);
        run("ridectl", &[&["model"], words, &["--data-dir", &data, "-o", "json"]].concat())
    }

    /// Asks whoever leads, again when that has just changed.
    fn operate(&mut self, words: &[&str]) -> Ended {
        let until = Instant::now() + DEADLINE;
        loop {
            let leader = self.leader();
            let ended = self.ask(leader, words);
            let elsewhere = ended.code() == 2 || ended.stdout.contains("does not lead");
            if !elsewhere || Instant::now() > until {
                return ended;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Until every replica decides by this model, and the leader's forecasts of racks name it.
    fn wait_until_decides(&mut self, named: &Named) {
        self.wait_for(&format!("{} deciding everywhere", named.id), |cluster| {
            let all: Vec<_> = cluster.snapshots().into_iter().flatten().collect();
            let decides = all.iter().all(|one| one.models.deciding.as_ref() == Some(&named.id));
            (all.len() == usize::from(REPLICAS) && decides && all.iter().all(|one| one.forecast_source == named.source))
                .then_some(())
        });
    }
}

#[test]
fn a_model_is_tried_promoted_and_taken_back_through_the_log() {
    let _alone = alone();
    let (home, shelf) = (folder(), folder());
    let committed = sha256(&model_files()[0]);
    let signed: u64 = read(&root().join("model/forecast.json.sig"))
        .lines()
        .find_map(|line| line.strip_prefix("version ")?.parse().ok())
        .expect("a version");
    let default =
        Named { id: format!("{} version {signed}", &committed[..8]), source: format!("model {}", &committed[..8]) };
    let next = variant(shelf.path(), "next", signed + 1);
    variant(shelf.path(), "flipped", signed + 2);
    flip(&shelf.path().join("flipped.json"), |length| length / 2);
    variant(shelf.path(), "unsigned", signed + 3);
    std::fs::remove_file(shelf.path().join("unsigned.json.sig")).expect("removed");

    let mut stage = Stage::start(home.path(), shelf.path());
    stage.wait_for("a leader that hears every device", |cluster| {
        let ready = cluster.snapshots().iter().flatten().any(|one| one.acting && one.devices_heard == one.devices);
        ready.then_some(())
    });
    stage.plant.begin().expect("the plant begins");
    stage.wait_until_decides(&default);

    bad_files_and_bad_wishes_are_refused(&mut stage);
    let shadow = ["shadow", "next", "--reason", "a week beside the old one"];
    let dry = stage.operate(&[&shadow[..], &["--dry-run"]].concat());
    assert!(dry.code() == 0 && dry.json()["would"] == Value::Bool(true), "{dry:?}");
    let shadowed = stage.operate(&shadow);
    assert_eq!(shadowed.code(), 0, "{shadowed:?}");
    stage.wait_for("the shadow being judged beside what decides", |cluster| {
        let leader = cluster.snapshots().into_iter().flatten().find(|one| one.acting)?;
        assert_eq!(leader.models.deciding.as_ref(), Some(&default.id), "a shadow decides nothing");
        let scores = leader.models.scores;
        (scores.len() == 2 && scores.iter().all(|score| score.judged > 0)).then_some(())
    });
    let promoted = stage.operate(&["promote", "next", "--reason", "it was as good"]);
    assert_eq!(promoted.code(), 0, "{promoted:?}");
    stage.wait_until_decides(&next);
    let back = stage.operate(&["rollback", "--reason", "only a test"]);
    assert_eq!(back.code(), 0, "{back:?}");
    stage.wait_until_decides(&default);

    let Stage { home, mut cluster, plant } = stage;
    plant.end().expect("the plant ends");
    cluster.stop().expect("every replica stops when told to");
    let entries = [&shadowed, &promoted, &back].map(|ended| ended.json()["index"].as_u64().expect("an entry"));
    the_audit_tells_it(&home, entries, &next);
}

fn bad_files_and_bad_wishes_are_refused(stage: &mut Stage) {
    let leader = stage.leader();
    let listed = stage.ask(leader, &["list"]);
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
        let ended = stage.operate(words);
        assert_eq!(ended.code(), 1, "{words:?}: {ended:?}");
        assert!(ended.stdout.contains(expected), "expected `{expected}`: {ended:?}");
    }
    let leader = stage.leader();
    let follower = (1..=REPLICAS).find(|id| *id != leader).expect("there are three");
    let ended = stage.ask(follower, &["rollback", "--reason", "a test"]);
    assert!(ended.code() == 1 && ended.stdout.contains("does not lead"), "{ended:?}");
}

fn the_audit_tells_it(home: &Path, [shadowed, promoted, back]: [u64; 3], next: &Named) {
    let dirs: Vec<String> = (1..=REPLICAS).map(|id| home.join(format!("n{id}")).display().to_string()).collect();
    let records = home.join("records").display().to_string();
    let all = dirs.iter().flat_map(|dir| ["--dir", dir]);
    let verify = ["audit", "verify", "-o", "json", "--records", records.as_str()];
    let words: Vec<&str> = verify.into_iter().chain(all).collect();
    let verified = run("ridectl", &words);
    assert!(verified.code() == 0 && verified.json()["verified"] == Value::Bool(true), "{verified:?}");
    let explain = |index: u64| run("ridectl", &["audit", "explain", &index.to_string(), "--dir", &dirs[0]]).stdout;
    for (index, what, reason) in [
        (shadowed, format!("try model {} in shadow", next.id), "a week beside the old one"),
        (promoted, format!("let model {} decide", next.id), "it was as good"),
        (back, "let the model decide that did before".into(), "only a test"),
    ] {
        let told = explain(index);
        assert!(told.contains(&what) && told.contains(reason) && told.contains("uid "), "{told}");
    }
    // What was decided while it decided says so, and nothing else does.
    let log = run("ridectl", &["audit", "log", "--dir", &dirs[0], "-o", "json"]).json();
    let indices = log.as_array().expect("a list").iter().filter_map(|entry| entry["index"].as_u64());
    let indices = indices.filter(|index| (promoted.saturating_sub(20)..=back + 20).contains(index));
    let named: Vec<u64> = indices.filter(|index| explain(*index).contains(&format!("by {}", next.source))).collect();
    println!("{} decisions were made by {}", named.len(), next.id);
    assert!(named.iter().all(|index| (promoted..=back + 5).contains(index)), "{named:?}");
}
