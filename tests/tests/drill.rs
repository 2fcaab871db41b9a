//! Drills as they are typed: run, reported, broken off, refused, and what the log says of them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ridethrough_tests::stage::{DEADLINE, Play, Stage};
use ridethrough_tests::{Ended, Running, alone, edit, folder, program, read, root, run, run_within, wait_until, write};
use serde_json::Value;

fn drills() -> String {
    root().join("fault-injection/scenarios/drills").display().to_string()
}

fn drill(words: &[&str], journals: &Path) -> Ended {
    let (drills, journals) = (drills(), journals.display().to_string());
    let places = ["--drills", &drills, "--journals", &journals, "--output", "json"];
    run_within(DEADLINE, "drill", &[words, &places].concat())
}

fn report(format: &str, journals: &Path) -> Ended {
    run("drill", &["report", "last", "--journals", &journals.display().to_string(), "--output", format])
}

/// What the log of a replica says of drills.
fn logged(data: &str) -> String {
    run("ridectl", &["audit", "log", "--kind", "drill", "--dir", data]).stdout
}

#[test]
fn a_drill_finds_that_a_cluster_holds_and_the_log_says_so() {
    let _alone = alone();
    let home = folder();
    let journals = home.path().join("runs");
    let ended = drill(&["run", "kill-leader", "--seed", "7", "--keep"], &journals);
    assert_eq!(ended.code(), 0, "{ended:?}");
    let told = ended.json();
    assert_eq!((&told["drill"], &told["verdict"]), (&"kill-leader".into(), &"passed".into()), "{told}");
    let checks = told["checks"].as_array().expect("checks");
    assert!(checks.len() >= 12 && checks.iter().all(|check| check["ok"] == true), "{told}");
    let named =
        |name: &str| checks.iter().any(|check| check["name"].as_str().is_some_and(|told| told.starts_with(name)));
    for name in
        ["steady before", "took effect", "failover gap", "steady after", "uncommitted orders", "audit of all logs"]
    {
        assert!(named(name), "{name}: {told}");
    }
    let run = journals.join("last");
    let data = run.join("cluster/n1").display().to_string();
    let log = logged(&data);
    assert!(
        log.contains("drill \"kill-leader\" begins, with seed 7") && log.contains("is over, and all held"),
        "{log}"
    );
    let whole: Value = serde_json::from_str(&report("json", &journals).stdout).expect("JSON");
    assert!(whole["begun_at_index"].is_u64() && whole["audit"]["verified"] == true, "{whole}");
    assert!(report("junit", &journals).stdout.contains("failures=\"0\""));
    assert!(report("html", &journals).stdout.contains("Passed: all"));
    assert!(report("text", &journals).stdout.starts_with("kill-leader PASSED, seed 7\n"));
}

/// A follower is frozen for far longer than anybody waits; somebody else breaks the drill off.
#[test]
fn a_drill_that_is_broken_off_ends_its_faults_and_says_so() {
    let _alone = alone();
    let home = folder();
    let (journals, file) = (home.path().join("runs"), home.path().join("long.toml"));
    let text = read(&Path::new(&drills()).join("pause-leader.toml"));
    write(
        &file,
        text.replace("pause-leader", "long").replace("for_s = 8", "for_s = 3000").replace("\"leader\"", "\"follower\""),
    );
    edit(&file, "gap_ms = 2000", "");
    let (program, drills) = (program("drill"), drills());
    let mut command = Command::new(program);
    command.args(["run"]).arg(&file).args(["--keep", "--drills", &drills, "--journals"]).arg(&journals);
    let told = home.path().join("told");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&told).expect("creates"));
    let running = Running(command.spawn().expect("starts"));
    wait_until("the follower is seen to be frozen", DEADLINE, || read(&told).contains("seen to work"));
    let asked = run("drill", &["abort", "last", "--journals", &journals.display().to_string()]);
    assert_eq!(asked.code(), 0, "{asked:?}");
    let status = running.wait(DEADLINE).expect("it ends");
    assert_eq!(status.code(), Some(1), "{}", read(&told));
    let whole: Value = serde_json::from_str(&report("json", &journals).stdout).expect("JSON");
    assert_eq!(whole["verdict"], "aborted", "{whole}");
    assert!(read(&told).contains("ended: SIGSTOP"), "{}", read(&told));
    let log = logged(&journals.join("last/cluster/n1").display().to_string());
    assert!(log.contains("drill \"long\" was broken off"), "{log}");
    let late = run("drill", &["abort", "last", "--journals", &journals.display().to_string()]);
    assert!(late.code() == 2 && late.stderr.contains("is over"), "{late:?}");
}

/// A cluster that is no demo is drilled by nobody who does not name it in full, and its log says who tried.
#[test]
fn a_cluster_that_is_no_demo_refuses_whoever_does_not_name_it() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::start_with(home.path(), &Play::default(), |cluster| {
        cluster.nodes.iter().for_each(|node| edit(&node.config, "demo = true\n", ""));
    });
    stage.play();
    let on = stage
        .cluster
        .nodes
        .iter()
        .map(|node| &node.config)
        .map(|file| file.display().to_string())
        .collect::<Vec<_>>()
        .join(",");
    let journals = home.path().join("runs");
    let pause = ["run", "pause-leader", "--on", &on];

    let refused = drill(&pause, &journals);
    assert!(refused.code() == 1 && refused.json()["verdict"] == "refused", "{refused:?}");
    assert!(refused.stderr.contains("no demo"), "{refused:?}");
    let wrong = drill(&[&pause[..], &["--cluster", "elsewhere"]].concat(), &journals);
    assert!(wrong.code() == 1 && wrong.stderr.contains("not called `elsewhere`"), "{wrong:?}");

    let name = stage.home.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let named = drill(&[&pause[..], &["--cluster", &name]].concat(), &journals);
    assert!(named.code() == 0 && named.json()["verdict"] == "passed", "{named:?}");
    let plant = drill(&["run", "flood", "--on", &on, "--cluster", &name], &journals);
    assert!(plant.code() == 2 && plant.stderr.contains("nothing else"), "{plant:?}");
    let data = stage.data(1);
    stage.end();
    let log = logged(&data);
    let of = |words: &str| log.matches(words).count();
    assert_eq!((of("was refused"), of("begins"), of("all held")), (2, 1, 1), "{log}");
}

/// A follower that runs another program and goes back, and a new leader meanwhile.
const MIXED: &str = r#"name = "mixed"
about = "n3 runs the other program while another leads."
row = "mixed versions"
plant = "demo"

[steady]
transfers = 1

[[fault]]
at_s = 0.5
for_s = 4
kind = "other_program"
target = "n3"

[[fault]]
at_s = 2
kind = "hand_over"
target = "leader"

[expect]
gap_ms = 2000
mixed_entries_min = 2
"#;

/// The other program is a copy of ours with a line at its end: another file, the same code. So this shows that a drill mixes two
/// programs, proves it, and is refused where there are not two. Whether two releases understand each other it does not show:
/// fault-injection/README.md says what was mixed by hand.
#[test]
fn a_drill_of_two_programs_runs_both_and_is_refused_without_another() {
    let _alone = alone();
    let home = folder();
    let (journals, file, other) = (home.path().join("runs"), home.path().join("mixed.toml"), home.path().join("other"));
    let refused = |name: &str, with: Option<&Path>, words: &str| {
        let with = with.map(|file| file.display().to_string());
        let with: Vec<&str> = with.iter().flat_map(|file| ["--with", file]).collect();
        let told = drill(&[&["run", name], &with[..]].concat(), &journals);
        assert!(told.code() == 2 && told.stderr.contains(words), "{told:?}");
    };
    refused("rolling-upgrade-mixed", None, "`drill run rolling-upgrade-mixed --with FILE`");
    refused("rolling-upgrade-mixed", Some(&program("ridethroughd")), "byte for byte the program");
    refused("rolling-upgrade-mixed", Some(&program("ridectl")), "it says `ridectl ");
    refused("kill-leader", Some(&program("ridethroughd")), "this drill runs one program");
    assert!(!journals.exists(), "nothing was begun");

    std::fs::copy(program("ridethroughd"), &other).expect("copies");
    let mut at_the_end = std::fs::OpenOptions::new().append(true).open(&other).expect("ours");
    at_the_end.write_all(b"another build\n").expect("there is room");
    drop(at_the_end);
    write(&file, MIXED);
    let (file, other) = (file.display().to_string(), other.display().to_string());
    let ended = drill(&["run", &file, "--with", &other, "--keep"], &journals);
    let told = ended.json();
    assert!(ended.code() == 0 && told["verdict"] == "passed", "{ended:?}");
    let checks = told["checks"].as_array().expect("checks");
    let measured = |name: &str| {
        let check = checks.iter().find(|check| check["name"].as_str().is_some_and(|told| told.starts_with(name)));
        check.and_then(|check| check["measured"].as_str()).unwrap_or_else(|| panic!("{name}: {told}"))
    };
    let shown = measured("took effect: n3 ");
    assert!(shown.contains(" of n3 runs ridethroughd ") && shown.contains(" in place of ridethroughd "), "{shown}");
    assert!(
        measured("entries committed while both programs ran").parse::<u64>().is_ok_and(|entries| entries >= 2),
        "{told}"
    );
    assert!(measured("programs at the end").starts_with("n1 ridethroughd "), "{told}");
    let whole: Value = serde_json::from_str(&report("json", &journals).stdout).expect("JSON");
    assert!(whole["command"].as_str().is_some_and(|command| command.ends_with(&format!("--with {other}"))), "{whole}");
}

#[test]
fn a_leader_that_gets_no_more_memory_ends_and_another_leads() {
    let _alone = alone();
    let home = folder();
    let (journals, file) = (home.path().join("runs"), home.path().join("memory.toml"));
    let text = read(&Path::new(&drills()).join("out-of-memory.toml"));
    write(&file, text.replace("\"out-of-memory\"", "\"memory\"").replace("for_s = 10", "for_s = 2"));
    let ended = drill(&["run", &file.display().to_string()], &journals);
    let told = ended.json();
    assert!(ended.code() == 0 && told["verdict"] == "passed", "{ended:?}");
    let shown = told["checks"][1]["measured"].as_str().unwrap_or_default();
    assert!(shown.contains("SIGABRT") && shown.contains("memory allocation of"), "{told}");
}

#[test]
fn a_drill_that_cannot_be_is_told_by_file_and_line() {
    let home = folder();
    let file = home.path().join("x.toml");
    write(&file, "name = \"x\"\nabout = \"\"\nrow = \"\"\nplant = \"demo\"\n[[fault]]\nat_s = 1\nkind = \"tickle\"\n");
    let path = file.display().to_string();
    let told = run("drill", &["validate", &path, "kill-leader", "--drills", &drills()]);
    assert!(
        told.code() == 1 && told.stdout.contains(&format!("{path}:5: [[fault]]: unknown variant `tickle`")),
        "{told:?}"
    );
    assert!(told.stdout.contains("1 of 2 drills can be run"), "{told:?}");
    let nothing = run_within(Duration::from_mins(1), "drill", &["run", "no-such", "--drills", &drills()]);
    assert!(nothing.code() == 2 && nothing.stderr.contains("`drill list` shows them"), "{nothing:?}");
}
