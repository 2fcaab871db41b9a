//! The leader's machine is stolen: somebody has its keys and answers on its addresses. Devices that demand the word of two
//! replicas are not moved, and the two honest replicas go on; devices that obey one are moved, which shows that the attack
//! is a real one. The thief is a Python program written from `io/PROTOCOL.md`.

use std::process::Command;
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::Orders;
use ridethrough_fault_injection::demo::cluster::{Cluster, Pace, REPLICAS, Setup};
use ridethrough_fault_injection::demo::plant::{Plant, PlantSetup};
use ridethrough_tests::{alone, demo_scenario, folder, program, programs, root, run};
use serde_json::Value;

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// For how long the thief tries.
const THEFT_SECONDS: &str = "8";

/// What the run left behind.
struct Left {
    /// What the thief heard.
    thief: Value,
    /// What `ridectl audit verify` says of the honest replicas' logs and the devices' records.
    audit: Value,
    /// Orders that devices executed before the theft, and at the end.
    executed: [u64; 2],
}

#[test]
fn a_stolen_replica_moves_nothing_where_two_must_agree() {
    let _alone = alone();
    let left = steal(Orders::TwoOfThree);
    assert!(left.thief["devices"].as_u64().is_some_and(|devices| devices > 50), "it spoke to them: {}", left.thief);
    assert_eq!(left.thief["answers"]["executed"], Value::Null, "{}", left.thief);
    assert_eq!(left.audit["uncommitted_executed"], 0, "{:#}", left.audit);
    assert_eq!(left.audit["verified"], true, "{:#}", left.audit);
    let [before, after] = left.executed;
    assert!(after > before, "the honest replicas still move devices: {before} orders, then {after}");
}

#[test]
fn a_stolen_replica_moves_devices_that_obey_one() {
    let _alone = alone();
    let left = steal(Orders::One);
    assert!(left.thief["answers"]["executed"].as_u64().is_some_and(|orders| orders > 0), "{}", left.thief);
    assert!(left.audit["uncommitted_executed"].as_u64().is_some_and(|orders| orders > 0), "{:#}", left.audit);
    assert_eq!(left.audit["verified"], false, "the audit finds it: {:#}", left.audit);
}

fn steal(orders: Orders) -> Left {
    let home = folder();
    let home = home.path();
    let site = demo_scenario().join("site.toml");
    let setup = Setup { home: home.to_owned(), programs: programs(), site, model: None, orders, pace: Pace::STEADY };
    let mut cluster = Cluster::prepare(&setup).expect("configurations can be written");
    let (records, nvm, scenario) = (home.join("records"), home.join("nvm"), demo_scenario());
    let mut plant = Plant::start(&PlantSetup {
        drill: program("drill"),
        scenario: &scenario,
        replicas: cluster.nodes.iter().map(|node| node.dpcn).collect(),
        replicas_b: cluster.nodes.iter().map(|node| node.dpcn_b).collect(),
        orders,
        secret: &cluster.secret.clone(),
        records: &records,
        nvm: &nvm,
    })
    .expect("the plant starts");
    (1..=REPLICAS).for_each(|id| cluster.start(id).expect("a replica starts"));
    wait_for("a leader that hears every device", || {
        cluster.snapshots().iter().flatten().any(|one| one.acting && one.devices_heard == one.devices)
    });
    plant.begin().expect("the plant begins");
    let mut leader = 0;
    wait_for("an acknowledged transfer", || {
        let acting = cluster.snapshots().into_iter().flatten().find(|one| one.acting);
        leader = acting.as_ref().map_or(0, |acting| acting.replica);
        acting.is_some_and(|acting| acting.transfers.iter().any(|transfer| transfer.acked))
    });
    let before = executed(&records);
    cluster.kill(leader).expect("the leader can be killed");
    let thief = play_thief(&cluster, leader);
    plant.end().expect("the plant ends");
    let honest: Vec<_> = cluster.nodes.iter().filter(|node| node.id != leader).map(|node| node.data.clone()).collect();
    cluster.stop().expect("every replica stops when told to");
    let mut words = vec!["audit".to_owned(), "verify".into(), "-o".into(), "json".into(), "--records".into()];
    words.push(records.display().to_string());
    words.extend(honest.iter().flat_map(|data| ["--dir".to_owned(), data.display().to_string()]));
    let audit = run("ridectl", &words).json();
    Left { thief, audit, executed: [before, executed(&records)] }
}

fn play_thief(cluster: &Cluster, stolen: u16) -> Value {
    let node = cluster.nodes.iter().find(|node| node.id == stolen).expect("one of them");
    let mut command = Command::new("python3");
    command.arg(root().join("tests/dpcn/thief.py")).arg("--keys").arg(node.config.with_extension("key"));
    command.args(["--replica", &stolen.to_string(), "--seconds", THEFT_SECONDS]);
    command.args(["--listen", &node.dpcn.to_string(), "--listen-b", &node.dpcn_b.to_string()]);
    let output = command.output().expect("python3 is installed");
    assert!(output.status.success(), "the thief failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the thief prints JSON")
}

fn executed(records: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(records).expect("devices keep records").flatten();
    let lines = files.map(|file| std::fs::read_to_string(file.path()).expect("a record can be read"));
    lines.map(|text| text.matches("\"executed\"").count() as u64).sum()
}

fn wait_for(what: &str, mut found: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !found() {
        assert!(Instant::now() < until, "{DEADLINE:?} went by without {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
