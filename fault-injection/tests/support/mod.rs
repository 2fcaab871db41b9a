//! A small plant for tests: three racks in a chain, two modules, recordings written on the spot.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::fs;
use std::io::Write;
use std::path::Path;

use ridethrough_core::device::{DeviceId, Direction, Setpoint, Verdict};
use ridethrough_core::site::{KesmId, RackId, TieId};
use ridethrough_core::units::{Millis, Watts};
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::supply::{GeneratorSpec, SupplySpec};
use ridethrough_fault_injection::scenario::Scenario;

/// What every rack of the chain may draw for ever.
pub const LIMIT_WATTS: f64 = 24_000.0;
/// The level at which orders of these tests hold a rack.
pub const HOLD: Watts = Watts::new(22_800);
/// Racks of the chain, with a module on the first and on the last, and ties first–middle and middle–last.
pub const FIRST: RackId = RackId(0);
pub const MIDDLE: RackId = RackId(1);
pub const LAST: RackId = RackId(2);

pub const SITE: &str = r#"
name = "chain"
[policy]
tick_ms = 100
margin_permille = 50
transfer_hold_ms = 8000
lease_ms = 1500
stale_after_ms = 500
branch_drop_permille = 30
path_drop_permille = 50
[[feed]]
id = "utility"
limit_watts = 100000
[[row]]
id = "A"
feed = "utility"
limit_watts = 90000
bus_volts = 800
[[rack]]
id = "first"
row = "A"
limit_watts = 24000
[[rack]]
id = "middle"
row = "A"
limit_watts = 24000
[[rack]]
id = "last"
row = "A"
limit_watts = 24000
[[server]]
id = "s1-1"
rack = "first"
rated_watts = 24000
[[server]]
id = "s1-2"
rack = "first"
rated_watts = 24000
[[server]]
id = "s1-3"
rack = "first"
rated_watts = 24000
[[server]]
id = "s2-1"
rack = "middle"
rated_watts = 24000
[[server]]
id = "s2-2"
rack = "middle"
rated_watts = 24000
[[server]]
id = "s2-3"
rack = "middle"
rated_watts = 24000
[[server]]
id = "s3-1"
rack = "last"
rated_watts = 24000
[[server]]
id = "s3-2"
rack = "last"
rated_watts = 24000
[[server]]
id = "s3-3"
rack = "last"
rated_watts = 24000
[[kesm]]
id = "K1"
rack = "first"
rated_watts = 50000
charge_rated_watts = 15000
capacity_joules = 2133000
reserve_joules = 630000
[[kesm]]
id = "K2"
rack = "last"
rated_watts = 50000
charge_rated_watts = 15000
capacity_joules = 2133000
reserve_joules = 630000
[[tie]]
id = "first-middle"
between = ["first", "middle"]
length_mm = 8000
resistance_microohm = 5600
rated_watts = 28000
[[tie]]
id = "middle-last"
between = ["middle", "last"]
length_mm = 20000
resistance_microohm = 14000
rated_watts = 28000
"#;

/// What servers replay, by server and series: three for every rack, so that none is above its rack's breaker.
const SERVERS: [(&str, &str); 9] = [
    ("s1-1", "first-1"),
    ("s1-2", "first-2"),
    ("s1-3", "first-3"),
    ("s2-1", "middle-1"),
    ("s2-2", "middle-2"),
    ("s2-3", "middle-3"),
    ("s3-1", "last-1"),
    ("s3-2", "last-2"),
    ("s3-3", "last-3"),
];

/// A scenario over [`SITE`]: constant loads by series, changed at 1 s of the recording.
pub fn scenario_text(seed: u64) -> String {
    let server = |(id, series): (&str, &str)| {
        format!(
            "[[server]]\nid = \"{id}\"\nplay = [{{ trace = \"t.csv.gz\", series = \"{series}\", from_s = 0, to_s = 3000 }}]\n"
        )
    };
    let servers = SERVERS.map(server).concat();
    format!("name = \"chain\"\nseed = {seed}\nsite = \"site.toml\"\ndata = \".\"\n{servers}")
}

/// Writes the site and a recording in which each rack goes from its first load to its second at 1 s.
pub fn write_files(folder: &Path, loads_watts: [(i64, i64); 3]) {
    fs::write(folder.join("site.toml"), SITE).expect("the folder can be written");
    let rows = SERVERS.iter().enumerate().map(|(nth, (_, series))| {
        let (before, after) = loads_watts[nth / 3];
        // Whole watts that make up the load of the rack.
        let share = |load: i64| if nth % 3 == 0 { load - 2 * (load / 3) } else { load / 3 };
        let (before, after) = (share(before), share(after));
        format!("{series},0,{before}\n{series},1000,{after}\n{series},3000000,{after}\n")
    });
    let table = format!("series,time_ms,watts\n{}", rows.collect::<String>());
    write_gzipped(&folder.join("t.csv.gz"), &table);
}

/// Writes a gzipped text.
pub fn write_gzipped(path: &Path, text: &str) {
    let file = fs::File::create(path).expect("the folder can be written");
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(text.as_bytes()).and_then(|()| packed.finish().map(drop)).expect("the folder can be written");
}

/// The chain with these loads before and after 1 s.
pub fn chain(loads_watts: [(i64, i64); 3]) -> World {
    World::new(&chain_scenario(loads_watts, 7))
}

/// The same with a seed, as a scenario.
pub fn chain_scenario(loads_watts: [(i64, i64); 3], seed: u64) -> Scenario {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_files(folder.path(), loads_watts);
    Scenario::parse("scenario.toml", &scenario_text(seed), folder.path()).expect("a good scenario")
}

/// A generator that carries the whole chain and waits for 10 s before it starts by itself.
pub const GENERATOR: GeneratorSpec = GeneratorSpec {
    rated_watts: 90_000.0,
    start_after_ms: 10_000,
    start_ms: 8_000,
    failed_starts: 0,
    step_share_max: 0.8,
    row_interval_ms: 2_000,
};

/// The same scenario with this generator, or with none.
pub fn with_generator(scenario: Scenario, generator: Option<GeneratorSpec>) -> Scenario {
    Scenario { supplies: vec![SupplySpec { generator, ..SupplySpec::default() }], ..scenario }
}

/// The chain with a tier for each of the three servers of a rack, floors of 1 kW, 2 s to shut down and 5 s to start.
pub fn tiered_scenario(loads_watts: [(i64, i64); 3], seed: u64) -> Scenario {
    let mut scenario = chain_scenario(loads_watts, seed);
    for (nth, server) in scenario.site.servers.iter_mut().enumerate() {
        server.tier = [1, 2, 4][nth % 3];
        (server.floor, server.shutdown) = (Watts::new(1_000), Millis::seconds(2));
    }
    scenario.physics.restart_seconds = 5.0;
    scenario
}

/// Orders a PDU and expects that it takes the order.
pub fn order_pdu(world: &mut World, rack: RackId, cap: i64, keep_tiers: u8) {
    let setpoint = Setpoint::Pdu { cap: Watts::new(cap), keep_tiers };
    assert_eq!(world.order(DeviceId::Pdu(rack), &setpoint), Verdict::Executed);
}

/// Orders a module and expects that it takes the order.
pub fn order_kesm(world: &mut World, index: u16, supply_max: i64, charge_max: i64) {
    let setpoint =
        Setpoint::Kesm { supply_max: Watts::new(supply_max), charge_max: Watts::new(charge_max), hold: HOLD };
    assert_eq!(world.order(DeviceId::Kesm(KesmId(index)), &setpoint), Verdict::Executed);
}

/// Orders a tie and expects that it takes the order.
pub fn order_tie(world: &mut World, index: u16, direction: Direction, flow_max: i64) {
    let setpoint = Setpoint::Tie { direction, flow_max: Watts::new(flow_max), hold: HOLD };
    assert_eq!(world.order(DeviceId::Tie(TieId(index)), &setpoint), Verdict::Executed);
}
