//! Followers judge by their own numbers what their leader had committed. In a healthy run they dispute nothing, through a failover
//! too; a leader whose picture of one rack is wrong is found out by both, and moves no device that demands two words.

use std::path::Path;

use ridethrough_fault_injection::demo::Orders;
use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{alone, folder, run};
use serde_json::Value;

/// So many transfers are to be judged before anything is concluded.
const ENOUGH: u64 = 8;
/// A rack that needs no help in the demo, and how much more than it draws one replica is told.
const CALM_RACK: &str = "A6";
const MORE_WATTS: u32 = 9_500;

/// How many transfers a replica has judged so, by its metrics.
fn judged(cluster: &Cluster, id: u16, opinion: &str) -> u64 {
    let head = format!("ridethrough_transfers_judged_total{{opinion=\"{opinion}\"}} ");
    let text = cluster.metrics(id).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(&head)).and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn agreed_by_all_but(cluster: &Cluster, leader: u16) -> u64 {
    (1..=REPLICAS).filter(|id| *id != leader).map(|id| judged(cluster, id, "agreed")).min().unwrap_or(0)
}

fn acting(cluster: &Cluster) -> Option<u16> {
    cluster.snapshots().into_iter().flatten().find(|one| one.acting).map(|one| one.replica)
}

#[test]
#[ignore = "two minutes: the nightly command runs it"]
fn a_healthy_run_with_a_killed_leader_has_no_dispute() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    let first = stage.leader();
    stage.wait_for("followers that have agreed to transfers", |cluster| {
        (agreed_by_all_but(cluster, first) >= ENOUGH).then_some(())
    });
    let disputed = |cluster: &Cluster| (1..=REPLICAS).map(|id| judged(cluster, id, "disputed")).collect::<Vec<_>>();
    assert_eq!(disputed(&stage.cluster), [0, 0, 0]);
    stage.cluster.kill(first).expect("the leader can be killed");
    stage.cluster.start(first).expect("it starts again");
    let second = stage.wait_for("another leader", |cluster| acting(cluster).filter(|leader| *leader != first));
    let third = (1..=REPLICAS).find(|id| ![first, second].contains(id)).expect("three replicas");
    let before = judged(&stage.cluster, third, "agreed");
    stage.wait_for("agreement to the next leader's transfers, by the restarted replica, too", |cluster| {
        let again = judged(cluster, third, "agreed") >= before + ENOUGH;
        (again && judged(cluster, first, "agreed") > 0).then_some(())
    });
    assert_eq!(disputed(&stage.cluster), [0, 0, 0]);
    stage.end();
}

#[test]
#[ignore = "more than a minute: the nightly command runs it"]
fn a_leader_with_a_wrong_picture_is_told_and_stopped_at_the_device() {
    let _alone = alone();
    let home = folder();
    let play = Play { orders: Orders::TwoOfThree, ..Play::default() };
    let mut stage = Stage::begin(home.path(), &play);
    let leader = stage.leader();
    stage.wait_for("followers that have heard the site for long enough to agree", |cluster| {
        (agreed_by_all_but(cluster, leader) >= 1).then_some(())
    });
    assert_eq!(stage.leader(), leader, "the leader has not changed meanwhile");
    stage.plant.mislead(leader, CALM_RACK, MORE_WATTS).expect("the plant listens");
    let followers: Vec<u16> = (1..=REPLICAS).filter(|id| *id != leader).collect();
    let (dispute, from) = stage.wait_for("both followers disputing the transfer to the calm rack", |cluster| {
        let told: Vec<_> = followers.iter().map(|id| cluster.snapshot(*id)).collect::<Option<_>>()?;
        let disputes: Vec<_> = told.iter().flat_map(|one| &one.disputed).filter(|one| one.rack == CALM_RACK).collect();
        let [first, second] = disputes[..] else { return None };
        let transfer = told[0].transfers.iter().find(|one| one.id == first.transfer)?;
        (first.transfer == second.transfer).then(|| (first.clone(), transfer.from.clone()))
    });
    assert!(dispute.why.starts_with("the leader counts with a draw of"), "{dispute:?}");
    for id in &followers {
        assert!(judged(&stage.cluster, *id, "disputed") >= 1);
        let data = stage.data(*id);
        let words = ["cluster", "status", "--data-dir", &data];
        assert!(run("ridectl", &words).stdout.contains("DISPUTED  transfer"), "n{id} tells it");
    }
    assert_eq!(judged(&stage.cluster, leader, "disputed"), 0, "the leader itself believes what it hears");
    let (home, index) = (stage.home.clone(), entry_of(&dispute.transfer));
    stage.end();
    let devices: Vec<&str> =
        from.iter().flat_map(|one| one.split([' ', ','])).filter(|word| !word.is_empty()).collect();
    assert_eq!(executed(&home.join("records"), &devices, index), [""; 0], "{dispute:?} from {from:?}");
}

/// The entry that granted a transfer, as people see it.
fn entry_of(transfer: &str) -> u64 {
    let index = transfer.split('.').next().and_then(|index| index.parse().ok());
    index.expect("a transfer begins with its entry")
}

/// Devices of these names that carried out an order of this entry, by their own records.
fn executed(records: &Path, names: &[&str], index: u64) -> Vec<String> {
    let files = std::fs::read_dir(records).expect("devices keep records").flatten();
    let lines = files.map(|file| std::fs::read_to_string(file.path()).expect("a record can be read"));
    let mut all: Vec<Value> = Vec::new();
    for text in lines {
        all.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
    }
    assert!(all.iter().any(|record| record["verdict"] == "executed"), "devices do obey what two replicas order");
    let of_entry = |record: &&Value| {
        let name = record["name"].as_str().unwrap_or_default();
        let is_one = names.iter().any(|one| name.ends_with(&format!(" {one}")));
        is_one && record["verdict"] == "executed" && record["fence_index"] == index
    };
    all.iter().filter(of_entry).map(ToString::to_string).collect()
}
