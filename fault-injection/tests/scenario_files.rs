//! Bad scenario files are refused with file, line, field and reason.

mod support;

use std::path::Path;

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::{FeedId, KesmId, RackId, TieId};
use ridethrough_fault_injection::plant::fault::{DeviceFault, Event, Happening, Utility};
use ridethrough_fault_injection::plant::supply::{GeneratorSpec, SupplySpec};
use ridethrough_fault_injection::scenario::{Physics, Scenario, ScenarioError};
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
        "series = \"first-1\"",
        "series = \"frist\"",
        "server.play.series: no series `frist` in t.csv.gz; there is `first-1`, `first-2`",
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
    check("id = \"s1-1\"", "id = \"s9\"", "scenario.toml:6: server.id: the site has no server `s9`; there is `s1-1`");
    check(
        "id = \"s1-1\"",
        "id = \"s9\"",
        "scenario.toml:3: server.id: server `s1-1` of the site has no [[server]] here, and its rack no [[compose]]",
    );
    check("id = \"s1-2\"", "id = \"s1-1\"", "scenario.toml:9: server.id: `s1-1` is there twice");
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

/// Adds tables or keys below the fourth line.
fn check_added(added: &str, expected: &str) {
    check("data = \".\"\n", &format!("data = \".\"\n{added}\n"), expected);
}

fn read_with(added: &str) -> Scenario {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), LOADS);
    let text = scenario_text(7).replacen("data = \".\"\n", &format!("data = \".\"\n{added}\n"), 1);
    parse(&text, folder.path()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn physics_that_cannot_be_is_refused() {
    for (table, field, value, expected) in [
        ("flywheel", "inertia_kg_m2", "0.0", "0, expected 0.001 to 10000"),
        ("flywheel", "inertia_kg_m2", "-0.375", "-0.375, expected 0.001 to 10000"),
        ("flywheel", "speed_min_rpm", "0.0", "0, expected 100 to 100000"),
        ("flywheel", "efficiency_charge", "1.01", "1.01, expected 0.5 to 1"),
        ("flywheel", "efficiency_discharge", "0.0", "0, expected 0.5 to 1"),
        ("flywheel", "machine_joules_per_kelvin", "0.0", "0, expected 1 to 10000000"),
        ("flywheel", "machine_watts_per_kelvin", "-1.0", "-1, expected 0.1 to 100000"),
        ("flywheel", "machine_kelvin_max", "nan", "NaN, expected 1 to 500"),
        ("supercapacitor", "capacitance_farads", "0.0", "0, expected 0.001 to 1000"),
        ("supercapacitor", "resistance_ohms", "-0.095", "-0.095, expected 0.0001 to 10"),
        ("plant", "feeder_ohms", "-0.002", "-0.002, expected 0 to 1"),
        ("plant", "row_feed_ohms", "-0.001", "-0.001, expected 0 to 1"),
        ("plant", "walk_in_seconds", "0.0", "0, expected 0.01 to 300"),
        ("plant", "droop_share", "0.21", "0.21, expected 0 to 0.2"),
        ("server_supply", "holdup_full_ms", "-1.0", "-1, expected 0 to 10000"),
        ("server_supply", "holdup_70_ms", "9.0", "9, expected at least holdup_full_ms (10)"),
        ("server_supply", "restart_seconds", "-1.0", "-1, expected 0 to 3600"),
        ("server_supply", "cap_lag_seconds", "0.0", "0, expected 0.001 to 60"),
        ("meter", "latency_ms", "[-1, 5]", "[-1, 5], expected 1 ≤ least"),
        ("meter", "sample_ms", "0", "0, expected 10 to 50"),
        ("meter", "clock_offset_max_ms", "-1", "-1, expected 0 to 86400000"),
        ("supply", "transfer_ms", "0", "0, expected 1 to 1000"),
        ("supply", "retransfer_seconds", "0.05", "0.05, expected 0.1 to 3600"),
        ("supply", "generator", "{ rated_watts = 0.0 }", ".rated_watts: 0, expected 1 to 1000000000"),
        ("supply", "generator", "{ rated_watts = 1e5, start_seconds = 61 }", ".start_seconds: 61, expected 1 to 60"),
        ("supply", "generator", "{ rated_watts = 1e5, failed_starts = 11 }", ".failed_starts: 11, expected 0 to 10"),
        ("supply", "generator", "{ rated_watts = 1e5, step_share_max = 0 }", ".step_share_max: 0, expected 0.05 to 1"),
    ] {
        let field_end = if expected.starts_with('.') { "" } else { ": " };
        check_added(
            &format!("[{table}]\n{field} = {value}"),
            &format!("scenario.toml:6: {table}.{field}{field_end}{expected}"),
        );
    }
    check_added("[flywheel]\nspeed_max_rpm = 18000.0", "scenario.toml:6: flywheel.speed_max_rpm: 18000, expected more");
    check_added("seconds = 0", "scenario.toml:5: seconds: 0, expected 1 to 86400");
    check_added("seconds = 86401", "scenario.toml:5: seconds: 86401");
    check_added("[supply]\ngenerator = {}", "missing field `rated_watts`");
}

#[test]
fn what_a_scenario_says_of_its_plant_is_taken_over() {
    let plain = read_with("");
    assert_eq!((plain.about.as_str(), plain.span_ms), ("", 300_000));
    assert_eq!(plain.supplies, [SupplySpec::default()]);
    let scenario = read_with(
        "about = \"A sag.\"\nseconds = 60\n[supply]\nsecond_utility = true\ntransfer_ms = 4\n\
         retransfer_seconds = 1.5\n[supply.generator]\nrated_watts = 60000\nstart_after_seconds = 1\n\
         start_seconds = 8\nfailed_starts = 2\nstep_share_max = 0.4\nrow_interval_seconds = 0.5\n\
         [meter]\nsample_ms = 20\n[server_supply]\nholdup_full_ms = 12\nholdup_70_ms = 18\n\
         [plant]\nrow_feed_ohms = 0.003\nwalk_in_seconds = 10\ndroop_share = 0.05\n\
         [flywheel]\nmachine_kelvin_max = 90",
    );
    assert_eq!((scenario.about.as_str(), scenario.span_ms, scenario.meters.sample_ms), ("A sag.", 60_000, 20));
    let generator = GeneratorSpec {
        rated_watts: 60_000.0,
        start_after_ms: 1_000,
        start_ms: 8_000,
        failed_starts: 2,
        step_share_max: 0.4,
        row_interval_ms: 500,
    };
    let supply = SupplySpec { second_utility: true, transfer_ms: 4, retransfer_ms: 1_500, generator: Some(generator) };
    assert_eq!(scenario.supplies, [supply]);
    let expected = Physics {
        holdup_full_seconds: 0.012,
        holdup_70_seconds: 0.018,
        row_feed_ohms: 0.003,
        walk_in_seconds: 10.0,
        droop_share: 0.05,
        machine_kelvin_max: 90.0,
        ..plain.physics
    };
    assert_eq!(scenario.physics, expected);
}

/// A supply with everything in it, so that every event on a feed is possible.
const FULL_SUPPLY: &str = "[supply]\nsecond_utility = true\n[supply.generator]\nrated_watts = 90000\n";

fn event(line: &str) -> String {
    format!("{FULL_SUPPLY}[[event]]\n{}", line.replace("; ", "\n"))
}

#[test]
fn events_are_read_in_the_order_of_time() {
    let (feed, kesm) = (FeedId(0), KesmId(1));
    let device = |device, fault| Happening::Device { device, fault };
    let lines = [
        (
            "feed = \"utility\"; what = \"utility_a\"; share = 0",
            Happening::UtilityVolts { feed, utility: Utility::A, share: 0.0 },
        ),
        (
            "feed = \"utility\"; what = \"utility_b\"; share = 1.5",
            Happening::UtilityVolts { feed, utility: Utility::B, share: 1.5 },
        ),
        ("feed = \"utility\"; what = \"generator_refuses\"", Happening::GeneratorRefuses { feed }),
        ("kesm = \"K2\"; what = \"broken\"", device(DeviceId::Kesm(kesm), DeviceFault::Broken)),
        ("tie = \"middle-last\"; what = \"stuck\"", device(DeviceId::Tie(TieId(1)), DeviceFault::Stuck)),
        ("rack = \"last\"; what = \"frozen\"", device(DeviceId::Pdu(RackId(2)), DeviceFault::Frozen)),
        ("feed = \"utility\"; what = \"mute\"", device(DeviceId::Supply(feed), DeviceFault::Mute)),
        ("kesm = \"K2\"; what = \"locked_out\"", device(DeviceId::Kesm(kesm), DeviceFault::LockedOut)),
        ("rack = \"last\"; what = \"mute\"", device(DeviceId::Pdu(RackId(2)), DeviceFault::Mute)),
        (
            "rack = \"last\"; what = \"lying\"; share = 0.5",
            device(DeviceId::Pdu(RackId(2)), DeviceFault::Lying { share: 0.5 }),
        ),
        (
            "kesm = \"K2\"; what = \"babbling\"; times = 50",
            device(DeviceId::Kesm(kesm), DeviceFault::Babbling { times: 50 }),
        ),
        (
            "kesm = \"K2\"; what = \"reboot\"; keeps_memory = true",
            device(DeviceId::Kesm(kesm), DeviceFault::Reboot { keeps_memory: true }),
        ),
        ("kesm = \"K2\"; what = \"vacuum\"; times = 1e5", Happening::Vacuum { kesm, times: 1e5 }),
        ("kesm = \"K2\"; what = \"bearing\"; watts = 400", Happening::Bearing { kesm, watts: 400.0 }),
    ];
    let begin_s = |nth: usize| 100 - nth;
    let tables = lines.iter().enumerate().map(|(nth, (line, _))| {
        format!("[[event]]\nat_s = {}\nfor_s = 2.5\n{}\n", begin_s(nth), line.replace("; ", "\n"))
    });
    let scenario = read_with(&(FULL_SUPPLY.to_owned() + &tables.collect::<String>()));
    let expected = lines.iter().enumerate().rev().map(|(nth, &(_, what))| {
        let at_ms = begin_s(nth) as u64 * 1_000;
        Event { at_ms, until_ms: Some(at_ms + 2_500), what }
    });
    assert_eq!(scenario.events, expected.collect::<Vec<_>>());
    let lasting = read_with(&event("at_s = 0.25; tie = \"first-middle\"; what = \"mute\"")).events;
    assert_eq!((lasting[0].at_ms, lasting[0].until_ms), (250, None));
}

#[test]
fn events_that_cannot_be_are_refused() {
    // The event begins in line 9: at_s in line 10, its target in 11, `what` in 12.
    let check = |line: &str, expected: &str| check_added(&event(line), expected);
    check(
        "at_s = 300; kesm = \"K1\"; what = \"mute\"",
        "scenario.toml:10: event.at_s: 300, expected less than the 300 s",
    );
    check("at_s = -1; kesm = \"K1\"; what = \"mute\"", "scenario.toml:10: event.at_s: -1, expected 0 to 86400");
    check("at_s = 1; for_s = 0; kesm = \"K1\"; what = \"mute\"", "scenario.toml:11: event.for_s: 0, expected 0.001");
    check(
        "at_s = 1; kesm = \"K9\"; what = \"mute\"",
        "scenario.toml:11: event.kesm: the site has no kesm `K9`; there is `K1`, `K2`",
    );
    check(
        "at_s = 1; tie = \"K1\"; what = \"mute\"",
        "scenario.toml:11: event.tie: the site has no tie `K1`; there is `first-middle`",
    );
    check("at_s = 1; rack = \"K1\"; what = \"mute\"", "scenario.toml:11: event.rack: the site has no rack `K1`");
    check(
        "at_s = 1; feed = \"K1\"; what = \"utility_a\"; share = 0",
        "scenario.toml:11: event.feed: the site has no feed `K1`; there is `utility`",
    );
    check("at_s = 1; what = \"mute\"", "scenario.toml:11: event.what: on nothing, expected on exactly one of");
    check(
        "at_s = 1; kesm = \"K1\"; what = \"mute\"; rack = \"first\"",
        "scenario.toml:12: event.what: on `kesm`, `rack`, expected",
    );
    check(
        "at_s = 1; kesm = \"K1\"; what = \"explode\"",
        "scenario.toml:12: what = \"explode\": unknown variant `explode`, expected one of `utility_a`",
    );
    check(
        "at_s = 1; rack = \"first\"; what = \"broken\"",
        "scenario.toml:12: event.what: `broken` on a rack, expected on a kesm or a tie: a PDU",
    );
    check(
        "at_s = 1; tie = \"first-middle\"; what = \"vacuum\"; times = 2",
        "scenario.toml:12: event.what: `vacuum`, expected on a kesm",
    );
    check(
        "at_s = 1; kesm = \"K1\"; what = \"utility_a\"; share = 0",
        "scenario.toml:12: event.what: `utility_a` on a device",
    );
    check("at_s = 1; feed = \"utility\"; what = \"broken\"", "scenario.toml:12: event.what: `broken` on a feed");
    check(
        "at_s = 1; feed = \"utility\"; what = \"vacuum\"; times = 2",
        "scenario.toml:12: event.what: `vacuum`, expected",
    );
    check(
        "at_s = 1; feed = \"utility\"; what = \"utility_a\"",
        "scenario.toml:12: event.share: missing: `utility_a` needs it",
    );
    check(
        "at_s = 1; feed = \"utility\"; what = \"utility_a\"; share = 1.6",
        "scenario.toml:13: event.share: 1.6, expected 0 to 1.5",
    );
    check("at_s = 1; kesm = \"K1\"; what = \"mute\"; share = 1.0", "scenario.toml:13: event.share: `mute` has none");
    check(
        "at_s = 1; kesm = \"K1\"; what = \"babbling\"; times = 1",
        "scenario.toml:13: event.times: 1, expected 2 to 1000",
    );
    check(
        "at_s = 1; kesm = \"K1\"; what = \"babbling\"; times = 2.5",
        "scenario.toml:13: event.times: 2.5, expected a whole",
    );
    check(
        "at_s = 1; kesm = \"K1\"; what = \"vacuum\"; times = 0.5",
        "scenario.toml:13: event.times: 0.5, expected 1 to 1000000",
    );
    check("at_s = 1; kesm = \"K1\"; what = \"bearing\"; watts = -1", "scenario.toml:13: event.watts: -1, expected 0");
    check("at_s = 1; kesm = \"K1\"; what = \"reboot\"; keeps_memory = true", "scenario.toml:12: event.for_s: missing");
    check("at_s = 1; kesm = \"K1\"; what = \"reboot\"; for_s = 5", "scenario.toml:12: event.keeps_memory: missing");
    for (line, expected) in [
        ("what = \"utility_b\"\nshare = 0", "there is no second utility"),
        ("what = \"generator_refuses\"", "there is no generator"),
    ] {
        check_added(
            &format!("[[event]]\nat_s = 1\nfeed = \"utility\"\n{line}"),
            &format!("scenario.toml:8: event.what: {expected}"),
        );
    }
}

#[test]
fn a_generator_is_what_the_site_promises() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), LOADS);
    let site = support::SITE.replacen("limit_watts = 100000", "limit_watts = 100000\ngenerator_watts = 90000", 1);
    std::fs::write(folder.path().join("site.toml"), site).expect("the folder can be written");
    let with = |supply: &str| {
        let text = scenario_text(7).replacen("data = \".\"\n", &format!("data = \".\"\n{supply}"), 1);
        parse(&text, folder.path()).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with(FULL_SUPPLY), Ok(()));
    let expected = "expected the generator_watts of feed `utility` (90000)";
    let other = with(&FULL_SUPPLY.replace("90000", "80000"));
    assert_eq!(other, Err(format!("scenario.toml:8: supply.generator.rated_watts: 80000, {expected}")));
    assert_eq!(with(""), Err(format!("scenario.toml:3: supply.generator.rated_watts: missing, {expected}")));
}

#[test]
fn all_faults_are_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), LOADS);
    let bad = scenario_text(7).replace("t.csv.gz", "u.csv.gz");
    let Err(ScenarioError::Faults { faults, .. }) = parse(&bad, folder.path()) else { panic!("bad traces") };
    assert_eq!(faults.len(), 9);
}

#[test]
fn a_rack_without_servers_and_a_trace_over_the_rating_are_refused() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), [(12_000, 12_000), (12_000, 72_003), (12_000, 12_000)]);
    let error = parse(&scenario_text(7), folder.path()).expect_err("over the rating").to_string();
    assert!(
        error.contains("scenario.toml:16: server.play: `s2-1` reaches 24001 W, more than its rated_watts"),
        "{error}"
    );

    write_files(folder.path(), LOADS);
    let site = support::SITE.replace("rack = \"middle\"\nrated_watts", "rack = \"last\"\nrated_watts");
    std::fs::write(folder.path().join("site.toml"), site).expect("the folder can be written");
    let error = parse(&scenario_text(7), folder.path()).expect_err("nothing to replay").to_string();
    assert!(error.contains("site.toml:24: rack.id: rack `middle` has no [[server]]"), "{error}");
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
        "\"t.csv.gz\", series = \"first-1\", from_s = 0, to_s = 3000",
        "\"log.txt.gz\", from_s = 0, to_s = 4",
        1,
    );
    let scenario = parse(&text, folder.path()).expect("good");
    let mut world = ridethrough_fault_injection::plant::World::new(&scenario);
    world.run_ms(2_999);
    assert!((world.load_watts(support::FIRST) - 9_000.0).abs() < 1e-9, "two others of the rack take 8 kW");
    world.run_ms(100);
    assert!((world.load_watts(support::FIRST) - 10_000.0).abs() < 1e-9);
}
