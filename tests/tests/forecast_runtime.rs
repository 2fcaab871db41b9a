//! A runtime that hangs, for real: the forecast's thread of a replica, with the real model in the real runtime, is stopped
//! where it stands by the kernel (ptrace stops one thread of a process and no other). The replica goes on by the rule,
//! says so in the log, gives the thread up and goes on by its own step of the model.

use std::path::Path;

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::stage::{Play, Stage, verify};
use ridethrough_tests::stopped::Stopped;
use ridethrough_tests::{alone, folder, run};

#[test]
fn a_hung_runtime_is_noticed_told_and_replaced_by_the_own_step() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    stage.wait_for_sources("forecasts by the model everywhere", |_, source| source.starts_with("model "));
    let leader = stage.leader();
    let follower = (1..=REPLICAS).find(|id| *id != leader).expect("there are three");
    let processes = [leader, follower].map(|id| stage.cluster.process(id).expect("it runs"));
    let [hung, hung_for_good] = processes.map(|process| Stopped::stop(process, "forecast"));

    for id in [leader, follower] {
        stage.wait_for_count(id, "ridethrough_forecast_engine{state=\"runtime_hung\"} 1");
        let given_up = "ridethrough_forecast_runtime_given_up_total{state=\"runtime_hung\"} 1";
        assert!(stage.counts(id, given_up) && stage.counts(id, "ridethrough_model_native 1"));
        assert!(stage.counts(id, "ridethrough_forecast_thread_hangs 1"));
    }
    stage.wait_for_sources("forecasts by the model again", |_, source| source.starts_with("model "));
    drop(hung);
    stage.wait_for_count(leader, "ridethrough_forecast_thread_hangs 0");
    assert!(stage.counts(follower, "ridethrough_forecast_thread_hangs 1"));
    stage.end();
    drop(hung_for_good);
    the_audit_tells_it(home.path(), leader);
}

fn the_audit_tells_it(home: &Path, leader: u16) {
    let verified = verify(home);
    assert_eq!(verified.code(), 0, "{verified:?}");
    let log = run("ridectl", &["audit", "log", "--dir", &home.join("n1").display().to_string()]).stdout;
    let of_leader = format!("forecast  n{leader}: ");
    let told: Vec<&str> = log.lines().filter_map(|line| line.split_once(&of_leader)).map(|(_, words)| words).collect();
    let place = |words: &str| told.iter().position(|line| line.contains(words));
    let (late, hung) = (place("forecasts come too late"), place("the runtime hung and was given up"));
    assert!(late.is_some() && late < hung, "{log}");
    assert!(told.iter().any(|line| line.ends_with("forecast by the model again")), "{log}");
    println!("{}", told.join("\n"));
}
