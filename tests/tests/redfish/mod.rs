//! DMTF's own Python library and service validator, which know nothing of Ridethrough, read replicas that really run: every resource
//! is as its schema says, and what is read is what the page shows. Nothing is changed, nobody gets in without a password and nobody
//! is believed without a certificate; when two replicas of three are gone, nothing is told of how the site is.

pub mod hall;
mod validator;

use std::path::Path;
use std::time::Instant;

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::{POLL, alone, edit, folder, read, run, write};
use serde_json::{Value, json};

use self::hall::{CLIENT_DEADLINE, Hall, PASSWORD, USER, authority, client, private, requests, walk};
use self::validator::every_resource_is_as_its_schema_says;

/// Resources that belong to no rack: the root, racks, managers and the one of them, power equipment, PDUs, session service and sessions.
const GENERAL: usize = 8;

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
    every_resource_is_as_its_schema_says(&hall, leader, home.path());
    what_is_read_is_what_is_shown(&mut hall, leader);
    every_replica_tells_the_same_tree(&hall);
    nobody_gets_in_or_is_believed_without_proof(&hall, leader, home.path());
    nothing_is_changed(&hall, leader);
    what_changes_is_read(&mut hall, leader);
    configurations_are_checked(&hall, home.path());
    without_a_quorum_nothing_is_told(&mut hall, leader);
}

/// Numbers move and a client takes its time, so the page is looked at all the while: what a client read must be what the page showed
/// at some moment of that. It is tried until no moment was missed; what is told wrong never is the same.
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
            Some([rack.load_watts, rack.draw_watts, Some(rack.limit_watts)])
        };
        let addresses = [
            "/redfish/v1/Chassis/A2/Sensors/Load",
            "/redfish/v1/PowerEquipment/RackPDUs/A2/Mains/Main",
            "/redfish/v1/Chassis/A2/Sensors/Draw",
        ];
        let (told, seen) = std::thread::scope(|scope| {
            let asking = scope.spawn(|| get(&addresses));
            let mut seen: Vec<_> = rack().into_iter().collect();
            while !asking.is_finished() {
                seen.extend(rack());
                std::thread::sleep(POLL);
            }
            (asking.join().expect("it is answered"), seen)
        });
        let [load, main, draw] = [&told[0]["Reading"], &told[1]["PowerWatts"]["Reading"], &told[2]["Reading"]];
        let limit = &told[2]["Thresholds"]["UpperCritical"]["Reading"];
        let was = |nth: usize, told: &Value| told.is_i64() && seen.iter().any(|one| one[nth] == told.as_i64());
        let same = was(0, load) && was(1, main) && was(1, draw) && was(2, limit);
        (same && told[1]["BreakerState"] == "Normal").then(|| load.clone())
    });
    println!("rack A2: {rack} W");
    stage.wait_for("a module as it is shown", |cluster| {
        let kesm = cluster.snapshot(leader)?.kesms.into_iter().next()?;
        // It stands at one of the racks, and the page does not say at which.
        let racks = cluster.snapshot(leader)?.racks;
        let address = |rack: &str| format!("/redfish/v1/Chassis/{rack}/PowerSubsystem/Batteries/{}", kesm.name);
        let addresses: Vec<String> = racks.iter().map(|rack| address(&rack.name)).collect();
        let batteries = get(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
        let there = |(_, battery): &(&String, Value)| battery["Id"] == kesm.name.as_str();
        let (address, battery) = addresses.iter().zip(batteries).find(there)?;
        let metrics = get(&[&format!("{address}/Metrics")]).remove(0);
        let watt_hours = |joules: i64| joules / 36;
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

/// A number with two decimals at the most.
fn hundredths(value: &Value) -> Option<i64> {
    let text = value.as_number()?.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{decimals:0<2}").parse().ok()
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
    let counted = || ["refused", "missing"].map(|outcome| requests(hall, leader, outcome));
    let [refused, missed] = counted();
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
    assert_eq!(counted(), [refused + 4, missed + 2]);
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
