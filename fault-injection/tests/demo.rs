//! The demonstration scenario does what it is for: without a controller breakers open within a minute, and with the
//! help that the site has it can go on for ever.

use std::path::{Path, PathBuf};

use ridethrough_core::device::{DeviceId, Direction, Setpoint, Verdict as OrderVerdict};
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::Watts;
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::report::Verdict;
use ridethrough_fault_injection::scenario::Scenario;

/// The racks that overload.
const OVERLOADED: [&str; 6] = ["A2", "A5", "B3", "B8", "C2", "C7"];

fn demo() -> Scenario {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/demo");
    Scenario::load(&folder).unwrap_or_else(|error| panic!("{error}"))
}

fn is_overloaded(site: &Site, rack: RackId) -> bool {
    OVERLOADED.contains(&site.rack(rack).name.as_str())
}

#[test]
fn without_a_controller_six_breakers_open_within_a_minute() {
    let mut world = World::new(&demo());
    world.run_ms(60_000);
    let mut dark: Vec<String> = Verdict::of(&world).trips.into_iter().map(|trip| trip.rack).collect();
    dark.sort_unstable();
    assert_eq!(dark, OVERLOADED);
    assert!(world.energy_error_share().abs() < 1e-9);
}

#[test]
fn it_has_the_parts_that_it_promises() {
    let scenario = demo();
    let site = &scenario.site;
    assert!(site.racks.len() >= 24 && site.kesms.len() >= 8 && site.ties.len() == 30);
    for rack in site.rack_ids() {
        let servers = || site.servers.iter().zip(&scenario.playbacks).filter(|(server, _)| server.rack == rack);
        assert!((4..=8).contains(&servers().count()), "{}", site.rack(rack).name);
        let peak_watts: f64 = servers().map(|(_, playback)| playback.peak_watts()).sum();
        let limit_watts = f64::from(i32::try_from(site.rack(rack).limit.get()).expect("a rack's limit"));
        let share = peak_watts / limit_watts;
        let expected = if is_overloaded(site, rack) { 1.45..1.85 } else { 0.3..0.85 };
        assert!(expected.contains(&share), "{}: {share}", site.rack(rack).name);
    }
    let sum: Watts = site.rows.iter().map(|row| row.limit).sum();
    assert!(sum <= site.feeds[0].limit);
}

/// Everything that an open-handed controller could allow, for ever: modules supply and recharge, and every tie may
/// carry its rating from a module's rack to an overloaded one, or on towards one.
fn allow_all(world: &mut World) {
    let site = world.site().clone();
    let mut order = |device, setpoint| assert_eq!(world.order(device, &setpoint), OrderVerdict::Executed);
    for id in site.kesm_ids() {
        let kesm = site.kesm(id);
        let (supply_max, charge_max, hold) = (kesm.rated, kesm.charge_rated, site.hold(kesm.rack));
        order(DeviceId::Kesm(id), Setpoint::Kesm { supply_max, charge_max, hold });
    }
    let has_module = |rack| site.kesms.iter().any(|kesm| kesm.rack == rack);
    for id in site.tie_ids() {
        let tie = site.tie(id);
        let towards = |sink, source| is_overloaded(&site, sink) && has_module(source);
        let direction = match tie.between {
            (first, second) if towards(second, first) => Direction::Forward,
            (first, second) if towards(first, second) => Direction::Backward,
            _ => continue,
        };
        let hold = site.hold(tie.sink(direction));
        order(DeviceId::Tie(id), Setpoint::Tie { direction, flow_max: tie.rated, hold });
    }
}

#[test]
fn with_help_it_goes_on_for_ever() {
    let scenario = demo();
    let mut world = World::new(&scenario);
    allow_all(&mut world);
    let stored = |world: &World| -> Vec<f64> {
        (0..world.site().kesms.len()).map(|index| world.kesm(index).usable_joules()).collect()
    };
    let mut lowest_by_cycle = Vec::new();
    for _ in 0..3 {
        // The longest cycle of an overloaded rack.
        let mut lowest = stored(&world);
        for _ in 0..290 {
            world.run_ms(1_000);
            lowest.iter_mut().zip(stored(&world)).for_each(|(low, now)| *low = low.min(now));
        }
        lowest_by_cycle.push(lowest);
    }
    let judges = world.judges();
    assert!(judges.trips.is_empty(), "{:?}", judges.trips);
    assert!(judges.racks.iter().all(|rack| rack.over_limit_ms < 500), "{:?}", judges.racks);
    assert!(judges.rows.iter().all(|row| row.over_limit_ms == 0), "{:?}", judges.rows);
    assert!(world.energy_error_share().abs() < 1e-6, "{:e}", world.energy_error_share());
    for (index, kesm) in world.site().kesms.iter().enumerate() {
        let lows: Vec<f64> = lowest_by_cycle.iter().map(|lowest| lowest[index]).collect();
        assert!(lows[2] > lows[0] - 20_000.0, "{} goes down from cycle to cycle: {lows:?}", kesm.name);
        assert_eq!(judges.kesms[index].below_reserve_ms, 0, "{}: {lows:?}", kesm.name);
    }
}
