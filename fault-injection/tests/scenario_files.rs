//! Bad scenario files are refused with file, line, field and reason.

mod support;

use std::path::Path;

use ridethrough_fault_injection::scenario::{Scenario, ScenarioError};
use support::{scenario_text, write_files, write_gzipped};

const LOADS: [(i64, i64); 3] = [(12_000, 12_000); 3];

fn parse(text: &str, folder: &Path) -> Result<Scenario, ScenarioError> {
    Scenario::parse("scenario.toml", text, folder)
}

fn check(from: &str, to: &str, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), LOADS);
    let good = scenario_text(7);
    assert!(good.contains(from), "the test edits what is there");
    let error = parse(&good.replacen(from, to, 1), folder.path()).expect_err(expected).to_string();
    assert!(error.contains(expected), "expected `{expected}` in:\n{error}");
}

#[test]
fn faults_name_file_line_and_field() {
    check("name = \"chain\"", "nmae = \"chain\"", "scenario.toml:1: nmae = \"chain\": unknown field `nmae`");
    check("seed = 7", "seed = -7", "scenario.toml:2: seed: -7, expected 0 or more");
    check("seed = 7", "seed = \"7\"", "scenario.toml:2");
    check("t.csv.gz", "u.csv.gz", "scenario.toml:7: server.play.trace: cannot read the trace");
    check(
        "series = \"first\"",
        "series = \"frist\"",
        "server.play.series: no series `frist` in t.csv.gz; there is `first`",
    );
    check(
        "to_s = 3000",
        "to_s = 3001",
        "scenario.toml:7: server.play.to_s: 0 s to 3001 s, expected a span within 0 to 3000 s",
    );
    check("from_s = 0", "from_s = 3000", "server.play.to_s");
    check("from_s = 0", "from_s = -1", "server.play.from_s: -1, expected 0 to 86400");
    check("to_s = 3000", "to_s = 3000, repeat = 0", "server.play.repeat: 0, expected 1 to 1000");
    check("to_s = 3000", "to_s = 3000, loudness = 3", "unknown field `loudness`");
    check("id = \"s1\"", "id = \"s9\"", "scenario.toml:6: server.id: the site has no server `s9`");
    check("id = \"s1\"", "id = \"s9\"", "scenario.toml:3: server.id: server `s1` of the site has no [[server]] here");
    check("id = \"s2\"", "id = \"s1\"", "scenario.toml:9: server.id: `s1` is there twice");
    check("play = [{", "delay_s = -1\nplay = [{", "server.delay_s: -1, expected 0 to 86400");
    check(
        "data = \".\"",
        "data = \".\"\n[flywheel]\ninertia_kg_m2 = 1.0",
        "scenario.toml:6: flywheel: wheel and bank store",
    );
    check("data = \".\"", "data = \".\"\n[flywheel]\nspeed_min_rpm = 40000.0", "flywheel.speed_max_rpm");
    check("data = \".\"", "data = \".\"\n[flywheel]\nwobble = 1.0", "unknown field `wobble`");
    check("data = \".\"", "data = \".\"\n[supercapacitor]\nrest_volts = 900.0", "supercapacitor.rest_volts: 900");
    check(
        "data = \".\"",
        "data = \".\"\n[plant]\ncharge_start = 1.5",
        "scenario.toml:6: plant.charge_start: 1.5, expected 0 to 1",
    );
    check("data = \".\"", "data = \".\"\n[meter]\nlatency_ms = [5, 500]", "meter.latency_ms: [5, 500], expected 1");
    check("site = \"site.toml\"", "site = \"other.toml\"", "other.toml");
}

#[test]
fn all_faults_are_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), LOADS);
    let bad = scenario_text(7).replace("t.csv.gz", "u.csv.gz");
    let Err(ScenarioError::Faults { faults, .. }) = parse(&bad, folder.path()) else { panic!("three bad traces") };
    assert_eq!(faults.len(), 3);
}

#[test]
fn a_rack_without_servers_and_a_trace_over_the_rating_are_refused() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), [(12_000, 12_000), (12_000, 70_001), (12_000, 12_000)]);
    let error = parse(&scenario_text(7), folder.path()).expect_err("over the rating").to_string();
    assert!(
        error.contains("scenario.toml:10: server.play: `s2` reaches 70001 W, more than its rated_watts"),
        "{error}"
    );

    write_files(folder.path(), LOADS);
    let site = support::SITE.replacen("rack = \"middle\"\nrated_watts", "rack = \"last\"\nrated_watts", 1);
    std::fs::write(folder.path().join("site.toml"), site).expect("the folder can be written");
    let error = parse(&scenario_text(7), folder.path()).expect_err("nothing to replay").to_string();
    assert!(error.contains("scenario.toml:3: site: rack `middle` of the site has no servers"), "{error}");
}

#[test]
fn faults_of_the_site_keep_their_own_file() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), LOADS);
    let site = support::SITE.replacen("limit_watts = 24000", "limit_watts = 0", 1);
    std::fs::write(folder.path().join("site.toml"), site).expect("the folder can be written");
    let error = parse(&scenario_text(7), folder.path()).expect_err("a bad limit").to_string();
    assert!(error.contains("site.toml:22: rack.limit_watts: 0"), "{error}");
}

#[test]
fn meter_faults_in_recordings_are_held_over() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), LOADS);
    let row = |second: u32, watts: f64| format!("Time,07-12-2024 07:00:0{second}.000,Watts,{watts},Volts,239.0\n");
    let log = row(0, 1_000.0) + &row(1, -1.0) + &row(2, 0.0) + &row(3, 2_000.0) + &row(5, 2_000.0);
    write_gzipped(&folder.path().join("log.txt.gz"), &log);
    let text = scenario_text(7).replacen(
        "\"t.csv.gz\", series = \"first\", from_s = 0, to_s = 3000",
        "\"log.txt.gz\", from_s = 0, to_s = 4",
        1,
    );
    let scenario = parse(&text, folder.path()).expect("good");
    let mut world = ridethrough_fault_injection::plant::World::new(&scenario);
    world.run_ms(2_999);
    assert!((world.load_watts(support::FIRST) - 1_000.0).abs() < 1e-9);
    world.run_ms(100);
    assert!((world.load_watts(support::FIRST) - 2_000.0).abs() < 1e-9);
}
