//! What one rack costs in one step of the demonstration's plant, idle and with transfers.
//!
//! `cargo bench -p ridethrough-fault-injection --bench step -- --quick` runs it small, so that it never rots.

use std::path::Path;
use std::time::Instant;

use ridethrough_core::device::{DeviceId, Direction, Setpoint};
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::scenario::Scenario;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 2 } else { 20 };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/demo");
    let scenario = match Scenario::load(&folder) {
        Ok(scenario) => scenario,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let mut idle = World::new(&scenario);
    measure("without orders", &mut idle, rounds);
    let mut busy = World::new(&scenario);
    order_everything(&mut busy);
    measure("with every device under orders", &mut busy, rounds);
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
    println!("{what}: {:.1} ns per rack and step (median {:.1})", costs_ns[0], costs_ns[costs_ns.len() / 2]);
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
