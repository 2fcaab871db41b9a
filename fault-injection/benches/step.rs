//! What one rack costs in one ms of the plant: the demonstration's, idle and with transfers, and a site of 1,000 racks,
//! 8,000 servers and 100 modules.
//!
//! `cargo bench -p ridethrough-fault-injection --bench step -- --quick` runs it small, so that it never rots.

use std::path::Path;
use std::time::Instant;

use ridethrough_core::device::{DeviceId, Direction, Setpoint};
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::scenario::{Scenario, ScenarioError, generated};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 2 } else { 20 };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = good(Scenario::load(&folder.join("scenarios/demo")));
    let mut idle = World::new(&scenario);
    measure("without orders", &mut idle, rounds);
    let mut busy = World::new(&scenario);
    order_everything(&mut busy);
    measure("with every device under orders", &mut busy, rounds);
    let scenario = good(generated::large(1_000, 8, 100, 1, &folder.join("../data")));
    let mut large = World::new(&scenario);
    measure("1,000 racks without orders", &mut large, rounds);
    order_everything(&mut large);
    measure("1,000 racks with every device under orders", &mut large, rounds);
}

fn good(scenario: Result<Scenario, ScenarioError>) -> Scenario {
    scenario.unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1);
    })
}

/// Steps second by second; the least second is the cost, the median shows how quiet the machine was.
fn measure(what: &str, world: &mut World, seconds: u32) {
    let racks = f64::from(u32::try_from(world.site().racks.len()).unwrap_or(u32::MAX));
    let mut costs_ns: Vec<f64> = (0..seconds.max(1))
        .map(|_| {
            let start = Instant::now();
            world.run_ms(1_000);
            start.elapsed().as_secs_f64() * 1e9 / 1_000.0 / racks
        })
        .collect();
    costs_ns.sort_by(f64::total_cmp);
    let median_ns = costs_ns[costs_ns.len() / 2];
    let speed = 1e6 / (median_ns * racks);
    println!("{what}: {:.1} ns per rack and ms, median {median_ns:.1}: {speed:.0} × real time", costs_ns[0]);
}

fn order_everything(world: &mut World) {
    let site = world.site().clone();
    for id in site.kesm_ids() {
        let kesm = site.kesm(id);
        let (supply_max, charge_max, hold) = (kesm.rated, kesm.charge_rated, site.hold(kesm.rack));
        world.order(DeviceId::Kesm(id), &Setpoint::Kesm { supply_max, charge_max, hold });
    }
    for id in site.tie_ids() {
        let tie = site.tie(id);
        let (direction, hold) = (Direction::Forward, site.hold(tie.between.1));
        world.order(DeviceId::Tie(id), &Setpoint::Tie { direction, flow_max: tie.rated, hold });
    }
}
