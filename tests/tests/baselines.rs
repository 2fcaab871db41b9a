//! A replica that is killed goes on from the baselines that it kept; one whose file was damaged starts cold and says so.

use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::Orders;
use ridethrough_fault_injection::demo::cluster::{Cluster, Pace, REPLICAS, Setup};
use ridethrough_fault_injection::demo::plant::{Plant, PlantSetup};
use ridethrough_tests::{alone, demo_scenario, flip, folder, program, programs};

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(4);
/// Seconds that are learned before the kill: the first file is written after 20.
const LEARNED_S: u32 = 30;

/// What replica 1 has learned of the rack that it knows best, and its uptime in seconds.
fn learned(cluster: &Cluster) -> Option<(u32, i64)> {
    let shown = cluster.snapshot(1)?;
    Some((shown.racks.iter().map(|rack| rack.learned_s).max()?, shown.uptime_ms / 1_000))
}

fn wait_for(cluster: &mut Cluster, plant: &mut Plant, what: &str, found: impl Fn(&Cluster) -> bool) {
    let until = Instant::now() + DEADLINE;
    while !found(cluster) {
        plant.listen().expect("the plant runs");
        assert!(Instant::now() < until, "{DEADLINE:?} went by without {what}: {:?}", learned(cluster));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_killed_replica_goes_on_from_what_it_kept() {
    let _alone = alone();
    let home = folder();
    let setup = Setup {
        home: home.path().to_owned(),
        programs: programs(),
        site: demo_scenario().join("site.toml"),
        model: None,
        orders: Orders::One,
        pace: Pace::STEADY,
    };
    let mut cluster = Cluster::prepare(&setup).expect("configurations can be written");
    let scenario = demo_scenario();
    let mut plant = Plant::start(&PlantSetup {
        drill: program("drill"),
        scenario: &scenario,
        replicas: cluster.nodes.iter().map(|node| node.dpcn).collect(),
        orders: Orders::One,
        replicas_b: cluster.nodes.iter().map(|node| node.dpcn_b).collect(),
        secret: &cluster.secret.clone(),
        records: &home.path().join("records"),
        nvm: &home.path().join("nvm"),
    })
    .expect("the plant starts");
    (1..=REPLICAS).for_each(|id| cluster.start(id).expect("a replica starts"));
    let kept = home.path().join("n1/baselines.bin");
    let taught = |cluster: &Cluster| learned(cluster).is_some_and(|(seconds, _)| seconds >= LEARNED_S);
    wait_for(&mut cluster, &mut plant, "a file", |cluster| taught(cluster) && kept.exists());

    cluster.kill(1).expect("killed");
    cluster.start(1).expect("started again");
    // One that starts cold has never learned from more seconds than it has run.
    let warm = |cluster: &Cluster| learned(cluster).is_some_and(|(seconds, up_s)| i64::from(seconds) > up_s + 2);
    wait_for(&mut cluster, &mut plant, "what was learned before", warm);

    cluster.kill(1).expect("killed");
    flip(&kept, |used| used / 2);
    cluster.start(1).expect("started again");
    let aside = home.path().join("n1/baselines.refused");
    wait_for(&mut cluster, &mut plant, "a cold start", |cluster| learned(cluster).is_some() && aside.exists());
    let (seconds, up_s) = learned(&cluster).expect("it was shown");
    assert!(i64::from(seconds) <= up_s + 2, "{seconds} s known {up_s} s after a cold start");
    cluster.stop().expect("stopped");
    plant.end().expect("the plant ends");
}
