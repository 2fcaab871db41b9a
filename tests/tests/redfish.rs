//! DMTF's own Python library and service validator, which know nothing of Ridethrough, read replicas that really run: every resource
//! is as its schema says, and what is read is what the page shows. Nothing is changed, nobody gets in without a password and nobody
//! is believed without a certificate; when two replicas of three are gone, nothing is told of how the site is.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_fault_injection::demo::ports;
use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{Ended, alone, copy, edit, folder, read, root, run, run_command, write};
use serde_json::{Value, json};

/// How long a client may take. The validator reads every resource.
const CLIENT_DEADLINE: Duration = Duration::from_mins(3);
const USER: &str = "dcim";
const PASSWORD: &str = "correct-horse-battery";
/// So many racks are validated.
const RACKS_VALIDATED: usize = 3;
/// Resources that belong to no rack: the root, racks, managers and the one of them, power equipment, PDUs, session service and sessions.
const GENERAL: usize = 8;

/// Three replicas with a Redfish service each.
struct Hall {
    stage: Stage,
    at: Vec<SocketAddr>,
    ca: PathBuf,
}

impl Hall {
    fn open(home: &Path) -> Self {
        let folder = home.join("redfish");
        let ca = authority(&folder);
        let mut at = Vec::new();
        let stage = Stage::start_with(home, &Play::default(), |cluster| {
            let held: Vec<_> = cluster.nodes.iter().map(|_| ports::tcp().expect("loopback has free ports")).collect();
            for (node, (port, _)) in cluster.nodes.iter().zip(&held) {
                let section = format!("{}\n{}", read(&node.config), section(&folder, *port));
                write(&node.config, section);
                at.push(SocketAddr::from(([127, 0, 0, 1], *port)));
            }
        });
        Self { stage, at, ca }
    }

    fn url(&self, id: u16) -> String {
        format!("https://{}", self.at[usize::from(id - 1)])
    }

    /// DMTF's library, with these words.
    fn client(&self, id: u16, words: &[&str]) -> Ended {
        client(&self.url(id), &self.ca, PASSWORD, words)
    }

    /// What it is answered by one replica.
    fn asked(&self, id: u16, words: &[&str]) -> Vec<Value> {
        let ended = self.client(id, &[&["--user", USER], words].concat());
        assert_eq!(ended.code(), 0, "{ended:?}");
        ended.json().as_array().expect("a list").clone()
    }

    fn get(&self, id: u16, address: &str) -> Value {
        self.asked(id, &["--auth", "basic", "GET", address])[0].clone()
    }
}

/// An authority with a certificate for this host, by the commands that an operator types.
fn authority(folder: &Path) -> PathBuf {
    let (ca, out) = (folder.join("ca").display().to_string(), folder.display().to_string());
    let founded = run("ridectl", &["pki", "ca", "--cluster-name", "demo", "--out", &ca]);
    assert_eq!(founded.code(), 0, "{founded:?}");
    let issued = run("ridectl", &["pki", "issue", "--ca", &ca, "--address", "127.0.0.1", "--out", &out]);
    assert!(issued.code() == 0 && issued.stdout.contains("service at 127.0.0.1"), "{issued:?}");
    let users = folder.join("users");
    write(&users, format!("[[user]]\nname = \"{USER}\"\npassword = \"{PASSWORD}\"\n"));
    private(&users, 0o600);
    folder.join("ca/ca.pem")
}

fn private(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("ours");
}

fn section(folder: &Path, port: u16) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    format!(
        "[redfish]\nlisten = \"127.0.0.1:{port}\"\ncertificate = \"{}\"\nkey = \"{}\"\nusers = \"{}\"\n",
        file("service-127.0.0.1.pem"),
        file("service-127.0.0.1.key"),
        file("users")
    )
}

/// Python with DMTF's packages, as `cargo xtask test` fetches them.
fn python() -> Command {
    let python = root().join(".runtime/redfish/bin/python");
    assert!(python.exists(), "{} is missing: `cargo xtask test` makes it first", python.display());
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn client(at: &str, ca: &Path, password: &str, words: &[&str]) -> Ended {
    let mut command = python();
    command.arg(root().join("tests/redfish/client.py")).args(["--at", at, "--ca"]).arg(ca).args(words);
    run_command(CLIENT_DEADLINE, command.env("REDFISH_PASSWORD", password))
}

#[test]
fn management_reads_the_site_and_changes_nothing() {
    let _alone = alone();
    let home = folder();
    let mut hall = Hall::open(home.path());
    let leader = hall.stage.leader();
    hall.stage.wait_for("a leader that hears every device", |cluster| {
        cluster.snapshot(leader).is_some_and(|one| one.devices_heard == one.devices).then_some(())
    });
    let knows = |hall: &Hall, id| hall.get(id, "/redfish/v1/Managers/Controller")["status"] == 200;
    ridethrough_tests::wait_until("every replica tells how the site is", CLIENT_DEADLINE, || {
        (1..=REPLICAS).all(|id| knows(&hall, id))
    });
    every_resource_is_as_its_schema_says(&mut hall, leader, home.path());
    what_is_read_is_what_is_shown(&mut hall, leader);
    every_replica_tells_the_same_tree(&hall);
    nobody_gets_in_or_is_believed_without_proof(&hall, leader, home.path());
    nothing_is_changed(&hall, leader);
    what_changes_is_read(&mut hall, leader);
    configurations_are_checked(&hall, home.path());
    without_a_quorum_nothing_is_told(&mut hall, leader);
}

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
fn every_resource_is_as_its_schema_says(hall: &mut Hall, leader: u16, home: &Path) {
    let schemas = root().join("tests/redfish/dmtf/csdl");
    let racks = RACKS_VALIDATED.to_string();
    let limits = ["--collectionlimit", "Chassis", &racks, "PowerDistribution", &racks];
    let judged = validate(hall, leader, home, &schemas, &limits);
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

/// Every resource that the library finds from the root on, by its address.
fn walk(hall: &Hall, id: u16) -> BTreeMap<String, Value> {
    let ended = hall.client(id, &["--user", USER, "--walk"]);
    assert_eq!(ended.code(), 0, "{ended:?}");
    let found: BTreeMap<String, Value> = serde_json::from_value(ended.json()).expect("by address");
    for (address, answer) in &found {
        assert_eq!(answer["status"], 200, "{address}: {answer}");
        assert_eq!(answer["headers"]["odata-version"], "4.0", "{address}");
        assert_eq!(answer["body"]["@odata.id"].as_str(), Some(address.split('?').next().unwrap_or(address)));
    }
    found
}

/// Before the scenario begins numbers move little; it is tried until both are of one moment. What is told wrong never is the same.
fn what_is_read_is_what_is_shown(hall: &mut Hall, leader: u16) {
    let Hall { stage, at, ca } = hall;
    let url = format!("https://{}", at[usize::from(leader - 1)]);
    let get = |addresses: &[&str]| {
        let words: Vec<&str> = addresses.iter().flat_map(|one| ["GET", one]).collect();
        let ended = client(&url, ca, PASSWORD, &[&["--user", USER], &words[..]].concat());
        let answers = ended.json().as_array().expect("a list").clone();
        answers.into_iter().map(|answer| answer["body"].clone()).collect::<Vec<_>>()
    };
    let rack = stage.wait_for("a rack and its PDU as they are shown", |cluster| {
        let rack = || {
            let rack = cluster.snapshot(leader)?.racks.into_iter().find(|rack| rack.name == "A2")?;
            Some((rack.load_watts, rack.draw_watts, rack.limit_watts))
        };
        let (load, draw, limit) = rack()?;
        let told = get(&[
            "/redfish/v1/Chassis/A2/Sensors/Load",
            "/redfish/v1/PowerEquipment/RackPDUs/A2/Metrics",
            "/redfish/v1/PowerEquipment/RackPDUs/A2/Mains/Main",
            "/redfish/v1/Chassis/A2/Sensors/Draw",
        ]);
        // Between two looks at the page that saw the same, the client saw that, too.
        let same = rack()? == (load, draw, limit)
            && told[0]["Reading"].as_i64() == load
            && told[1]["PowerWatts"]["Reading"].as_i64() == draw
            && told[2]["PowerWatts"]["Reading"].as_i64() == draw
            && told[2]["BreakerState"] == "Normal";
        let limits = told[3]["Thresholds"]["UpperCritical"]["Reading"].as_i64() == Some(limit);
        (same && limits && load.is_some() && draw.is_some()).then_some(load)
    });
    println!("rack A2: {rack:?} W");
    stage.wait_for("a module as it is shown", |cluster| {
        let kesm = cluster.snapshot(leader)?.kesms.into_iter().next()?;
        // It stands at one of the racks, and the page does not say at which.
        let racks = cluster.snapshot(leader)?.racks;
        let address = |rack: &str| format!("/redfish/v1/Chassis/{rack}/PowerSubsystem/Batteries/{}", kesm.name);
        let addresses: Vec<String> = racks.iter().map(|rack| address(&rack.name)).collect();
        let batteries = get(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
        let there = |(_, battery): &(&String, Value)| battery["Id"] == kesm.name.as_str();
        let (address, battery) = addresses.iter().zip(batteries).find(there)?;
        let watt_hours = |joules: i64| joules / 36;
        let hundredths = |value: &Value| value.as_f64().map(|value| (value * 100.0).round() as i64);
        let capacity = hundredths(&battery["CapacityActualWattHours"]) == Some(watt_hours(kesm.capacity_joules));
        let stored = hundredths(&metrics["StoredEnergyWattHours"]["Reading"]);
        (capacity && stored == kesm.stored_joules.map(watt_hours)).then_some(())
    });
    stage.wait_for("every outlet of a rack that feeds what its server draws", |_| {
        let outlets = get(&["/redfish/v1/PowerEquipment/RackPDUs/A1/Outlets"])[0]["Members"].as_array()?.clone();
        let addresses: Vec<&str> = outlets.iter().filter_map(|one| one["@odata.id"].as_str()).collect();
        let all = get(&addresses);
        let on = |outlet: &&Value| outlet["PowerState"] == "On" && outlet["PowerWatts"]["Reading"].as_i64() > Some(0);
        let named = |(nth, outlet): (usize, &Value)| outlet["ElectricalConsumerNames"][0] == format!("A1-s{}", nth + 1);
        (!all.is_empty() && all.iter().filter(on).count() == all.len() && all.iter().enumerate().all(named))
            .then_some(())
    });
}

/// Ids are those of the site file, whoever tells.
fn every_replica_tells_the_same_tree(hall: &Hall) {
    let trees: Vec<Vec<String>> = (1..=REPLICAS)
        .map(|id| walk(hall, id).into_keys().filter(|one| !one.contains("/Sessions/")).collect())
        .collect();
    assert!(trees.windows(2).all(|pair| pair[0] == pair[1]), "{trees:?}");
    let shown = hall.stage.cluster.snapshot(1).expect("it answers");
    let of = |part: &str| trees[0].iter().filter(|one| one.contains(part)).count();
    // Chassis, their power, what is measured there, and each collection.
    let racks = shown.racks.len() * (1 + 1 + 2 + 1 + 3);
    let kesms = shown.kesms.len() * (2 + 3);
    assert_eq!(of("/Chassis/"), racks + kesms);
    let pdus = shown.racks.len() * (1 + 1 + 2 + 1) + shown.servers;
    assert_eq!(of("/RackPDUs/"), pdus);
    assert_eq!(trees[0].len(), racks + kesms + pdus + GENERAL, "{:?}", trees[0]);
}

fn nobody_gets_in_or_is_believed_without_proof(hall: &Hall, leader: u16, home: &Path) {
    let url = hall.url(leader);
    for auth in ["session", "basic"] {
        let ended =
            client(&url, &hall.ca, "wrong-horse-battery", &["--user", USER, "--auth", auth, "GET", "/redfish/v1/"]);
        assert!(ended.code() == 3 && ended.stderr.contains("InvalidCredentialsError"), "{ended:?}");
    }
    let open = hall
        .client(leader, &["--auth", "none", "GET", "/redfish/v1/", "GET", "/redfish/v1/Chassis", "GET", "/redfish"]);
    let statuses: Vec<Value> =
        open.json().as_array().expect("a list").iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [json!(200), json!(401), json!(200)]);
    // A server that another authority vouches for is not believed.
    let other = authority(&home.join("other"));
    let ended = client(&url, &other, PASSWORD, &["--user", USER, "GET", "/redfish/v1/"]);
    assert!(ended.code() == 3 && ended.stderr.contains("certificate verify failed"), "{ended:?}");
    // Nor one that is called by an address that its certificate does not name.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let ended = client(&elsewhere, &hall.ca, PASSWORD, &["--user", USER, "GET", "/redfish/v1/"]);
    assert!(ended.code() == 3 && ended.stderr.contains("certificate"), "{ended:?}");
    let metrics = hall.stage.cluster.metrics(leader).expect("it answers");
    assert!(metrics.contains("ridethrough_redfish_passwords_wrong_total 2\n"), "{metrics}");
}

fn nothing_is_changed(hall: &Hall, leader: u16) {
    let outlet = "/redfish/v1/PowerEquipment/RackPDUs/A1/Outlets/1";
    let before = hall.get(leader, outlet)["body"]["PowerState"].clone();
    let body = "{\"PowerState\": \"Off\"}";
    let answers = hall
        .asked(leader, &["--body", body, "PATCH", outlet, "POST", outlet, "DELETE", outlet, "PATCH", "/redfish/v1/"]);
    for answer in &answers {
        assert_eq!((answer["status"].as_u64(), answer["headers"]["allow"].as_str()), (Some(405), Some("GET, HEAD")));
        assert_eq!(answer["body"]["error"]["code"], "Base.1.22.OperationNotAllowed", "{answer}");
    }
    let action = format!("{outlet}/Actions/Outlet.PowerControl");
    let missing = hall.asked(leader, &["--body", body, "POST", &action, "GET", "/redfish/v1/Systems"]);
    for answer in &missing {
        assert_eq!(answer["status"], 404);
        assert_eq!(answer["body"]["error"]["code"], "Base.1.22.ResourceMissingAtURI", "{answer}");
    }
    assert_eq!(hall.get(leader, outlet)["body"]["PowerState"], before);
    let metrics = hall.stage.cluster.metrics(leader).expect("it answers");
    for line in ["{outcome=\"refused\"} 4\n", "{outcome=\"missing\"} 2\n"] {
        assert!(metrics.contains(&format!("ridethrough_redfish_requests_total{line}")), "{line}{metrics}");
    }
}

/// The scenario begins: a rack comes to be at risk, and its PDU says so.
fn what_changes_is_read(hall: &mut Hall, leader: u16) {
    hall.stage.play();
    let Hall { stage, at, ca } = hall;
    let url = format!("https://{}", at[usize::from(leader - 1)]);
    stage.wait_for("a rack that is at risk, and a PDU that somebody should look at", |cluster| {
        let rack = cluster.snapshot(leader)?.racks.into_iter().find(|rack| rack.at_risk)?;
        let address = format!("/redfish/v1/PowerEquipment/RackPDUs/{}", rack.name);
        let told = client(&url, ca, PASSWORD, &["--user", USER, "--auth", "basic", "GET", &address]).json();
        (told[0]["body"]["Status"] == json!({"State": "Enabled", "Health": "Warning"})).then_some(())
    });
}

fn configurations_are_checked(hall: &Hall, home: &Path) {
    let config = &hall.stage.cluster.node(1).expect("there").config;
    let checked = |file: &Path| run("ridethroughd", &["check-config", &file.display().to_string()]);
    let good = checked(config);
    let expected = format!("Redfish: {}/redfish/v1/, 1 users", hall.url(1));
    assert!(good.code() == 0 && good.stdout.contains(&expected), "{good:?}");
    let users = home.join("redfish/users");
    private(&users, 0o644);
    let refused = checked(config);
    assert!(refused.code() == 2 && refused.stderr.contains("redfish.users: everybody on this host"), "{refused:?}");
    private(&users, 0o600);
    let bare = config.with_file_name("bare.toml");
    write(&bare, read(config));
    edit(&bare, &format!("users = \"{}\"\n", users.display()), "");
    let refused = checked(&bare);
    assert!(refused.code() == 2 && refused.stderr.contains("missing field `users`"), "{refused:?}");
}

/// One replica of three knows nothing, and says so; when another is back, it tells again.
fn without_a_quorum_nothing_is_told(hall: &mut Hall, leader: u16) {
    let others: Vec<u16> = (1..=REPLICAS).filter(|id| *id != leader).collect();
    for id in &others {
        hall.stage.cluster.kill(*id).expect("it runs");
    }
    let killed = Instant::now();
    let sensor = "/redfish/v1/Chassis/A1/Sensors/Load";
    let Hall { stage, at, ca } = hall;
    let url = format!("https://{}", at[usize::from(leader - 1)]);
    let get = |address: &str| {
        let ended = client(&url, ca, PASSWORD, &["--user", USER, "--auth", "basic", "GET", address]);
        ended.json()[0].clone()
    };
    let told = stage.wait_for("the last replica says that it knows nothing", |_| {
        let told = get(sensor);
        (told["status"] == 503).then_some(told)
    });
    println!("503 came {:?} after two replicas were killed", killed.elapsed());
    assert_eq!(told["headers"]["retry-after"], "2");
    assert_eq!(told["body"]["error"]["code"], "Base.1.22.ServiceTemporarilyUnavailable");
    for address in ["/redfish/v1/Managers/Controller", "/redfish/v1/PowerEquipment/RackPDUs/A1"] {
        assert_eq!(get(address)["status"], 503, "{address}");
    }
    assert_eq!(get("/redfish/v1/Chassis")["status"], 200, "what the site is made of does not change");
    let metrics = stage.cluster.metrics(leader).expect("it answers");
    let stale =
        metrics.lines().find_map(|line| line.strip_prefix("ridethrough_redfish_requests_total{outcome=\"stale\"} "));
    assert!(stale.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count >= 3), "{metrics}");
    stage.cluster.start(others[0]).expect("it starts again");
    stage.wait_for("what is known is told again", |_| (get(sensor)["status"] == 200).then_some(()));
}
