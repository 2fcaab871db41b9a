//! DMTF's service validator, which judges every resource by its schema.

use std::fs;
use std::path::Path;

use ridethrough_tests::{Ended, copy, root, run_command, write};
use serde_json::json;

use super::hall::{CLIENT_DEADLINE, Hall, PASSWORD, USER, python, requests, walk};

/// So many racks are validated.
const RACKS_VALIDATED: usize = 3;

/// What the validator counted, and what it said.
struct Judged {
    passed: usize,
    warned: usize,
    failed: usize,
    validated: Vec<String>,
    ended: Ended,
}

/// DMTF's service validator, with the schemas of a folder and nothing else: it asks nobody for more.
fn validate(hall: &Hall, id: u16, home: &Path, schemas: &Path, words: &[&str]) -> Judged {
    let mut command = python();
    command.args(["-c", "import sys; from redfish_service_validator.console_scripts import main; sys.exit(main())"]);
    command.args(["--rhost", &hall.url(id), "--user", USER, "--password", PASSWORD, "--authtype", "Session"]);
    command.args(["--skipschema", "--config", "none.ini", "--schema_directory"]).arg(schemas);
    command.arg("--logdir").arg(home.join("validator")).args(words).current_dir(home);
    let ended = run_command(CLIENT_DEADLINE, &mut command);
    let validated = ended.stdout.lines().filter_map(|line| line.strip_prefix("Validating ")?.strip_suffix("..."));
    let validated = validated.map(str::to_owned).collect();
    let [passed, warned, failed] = counts(&ended);
    Judged { passed, warned, failed, validated, ended }
}

/// The numbers of the table at its end, which it colours.
fn counts(ended: &Ended) -> [usize; 3] {
    let mut rows = ended.stdout.lines().skip_while(|line| !line.contains("NOT TESTED"));
    let row = rows.nth(2).unwrap_or_else(|| panic!("no summary: {ended:?}"));
    let number = |cell: &str| {
        let plain = cell.replace("\u{1b}[32m", "").replace("\u{1b}[33m", "").replace("\u{1b}[31m", "");
        plain.replace("\u{1b}[0m", "").trim().parse().unwrap_or_else(|_| panic!("`{cell}` in `{row}`"))
    };
    let cells: Vec<usize> = row.trim_matches('|').split('|').map(number).collect();
    [cells[0], cells[1], cells[2]]
}

/// Resources of every kind, once for each of the first racks: the validator takes long over each.
pub fn every_resource_is_as_its_schema_says(hall: &Hall, leader: u16, home: &Path) {
    let schemas = root().join("tests/redfish/dmtf/csdl");
    let racks = RACKS_VALIDATED.to_string();
    let limits = ["--collectionlimit", "Chassis", &racks, "PowerDistribution", &racks];
    let judged = without_election(hall, leader, || validate(hall, leader, home, &schemas, &limits));
    let Judged { passed, warned, failed, .. } = judged;
    println!(
        "the validator: {passed} passed, {warned} warnings, {failed} failed, {} resources",
        judged.validated.len()
    );
    assert_eq!((warned, failed, judged.ended.code()), (0, 0, 0), "{:?}", judged.ended);
    // Each resource was looked at once, none was missed, and much was found in each.
    let shown = hall.stage.cluster.snapshot(leader).expect("it answers");
    let others: Vec<String> = shown.racks.iter().skip(RACKS_VALIDATED).map(|rack| rack.name.clone()).collect();
    let of_others = |one: &String| one.split('/').any(|part| others.iter().any(|rack| rack == part));
    let mut expected: Vec<String> = walk(hall, leader).into_keys().filter(|one| !one.contains("/Sessions/")).collect();
    expected.retain(|one| !of_others(one));
    let mut validated: Vec<String> = judged.validated.into_iter().filter(|one| !one.contains("/Sessions/")).collect();
    expected.sort();
    validated.sort();
    assert_eq!(validated, expected);
    let kinds =
        ["/Batteries/", "/Outlets/1", "/Mains/Main", "/Sensors/Load", "/EnvironmentMetrics", "/RackPDUs/A1/Metrics"];
    assert!(kinds.iter().all(|kind| validated.iter().any(|one| one.contains(kind))), "{validated:?}");
    assert!(passed > 4 * validated.len(), "{passed} of {}", validated.len());
    what_is_wrong_is_found(hall, leader, home);
}

/// The validator asks for nothing twice: where an election came between, which happens on a busy machine, it is asked again.
fn without_election(hall: &Hall, leader: u16, judge: impl Fn() -> Judged) -> Judged {
    loop {
        let before = requests(hall, leader, "stale");
        let judged = judge();
        if requests(hall, leader, "stale") == before {
            return judged;
        }
    }
}

/// The validator is no judge unless it finds what is wrong, and says what it has no schema for.
fn what_is_wrong_is_found(hall: &Hall, leader: u16, home: &Path) {
    let sensor = "/redfish/v1/Chassis/A1/Sensors/Load";
    let mut body = hall.get(leader, sensor)["body"].clone();
    body["ReadingType"] = json!("Watts");
    body["Reading"] = json!("many");
    let mockup = home.join(format!("mockup{sensor}"));
    fs::create_dir_all(&mockup).expect("room");
    write(&mockup.join("index.json"), body.to_string());
    let schemas = root().join("tests/redfish/dmtf/csdl");
    let mockups = home.join("mockup").display().to_string();
    let judged = validate(hall, leader, home, &schemas, &["--payload", "Single", sensor, "--mockup", &mockups]);
    assert_eq!((judged.failed, judged.ended.code()), (2, 1), "{:?}", judged.ended);
    let fewer = home.join("fewer");
    copy(&schemas, &fewer);
    fs::remove_file(fewer.join("Sensor_v1.xml")).expect("it was there");
    let judged = validate(hall, leader, home, &fewer, &["--payload", "Single", sensor]);
    assert!(judged.warned + judged.failed > 0, "{:?}", judged.ended);
}
