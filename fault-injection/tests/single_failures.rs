//! N−1 on the plant itself (I9): a random row with random loads is planned, committed and ordered as a leader does it; then
//! any module or tie breaks, nobody reacts for as long as the site's policy says, and nothing may come of it.

#[path = "../../controller/core/tests/properties/random_site.rs"]
mod random_site;

use proptest::prelude::*;
use proptest::sample::Index;
use random_site::{RandomRow, config_of, random_row};
use ridethrough_core::device::DeviceId;
use ridethrough_core::site::Site;
use ridethrough_fault_injection::outcome::PolicyName;
use ridethrough_fault_injection::outcome::controller::Controller;
use ridethrough_fault_injection::outcome::forecasts::Forecaster;
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::meter::MeterSpec;
use ridethrough_fault_injection::plant::server::{Playback, Sample};
use ridethrough_fault_injection::plant::supply::SupplySpec;
use ridethrough_fault_injection::scenario::{Physics, Scenario};

/// In every run of the tests; millions at night.
const CASES: u32 = 200;
/// The controller is at work for so long before something breaks, in ms.
const AT_WORK_MS: u64 = 2_000;
/// Off by less is a converter's way of settling.
const TOLERANCE: f64 = 1.01;
/// No bus may fall below this share of nominal.
const BUS_SHARE_MIN: f64 = 0.9;
/// Meters tell stores to within so many J, with the time that an entry takes.
const STORE_TOLERANCE_JOULES: f64 = 12_000.0;

/// What the servers of one rack take, in thousandths of their rating, before and after a moment.
#[derive(Clone, Debug)]
struct Demand {
    before: u32,
    after: u32,
    at_ms: u64,
}

#[derive(Clone, Debug)]
struct Case {
    row: RandomRow,
    demands: Vec<Demand>,
    charge_start: f64,
    breaks: Index,
    foresees: bool,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let steady = (50..1_000_u32).prop_map(|watts| Demand { before: watts, after: watts, at_ms: 1 });
    let stepping =
        (50..700_u32, 50..1_000_u32, 1..1_800_u64).prop_map(|(before, after, at_ms)| Demand { before, after, at_ms });
    let demands = prop::collection::vec(prop_oneof![steady, stepping], 10);
    (random_row(), demands, 0.2..1.0, any::<Index>(), any::<bool>(), any::<u64>()).prop_map(
        |(row, demands, charge_start, breaks, foresees, seed)| Case {
            row,
            demands,
            charge_start,
            breaks,
            foresees,
            seed,
        },
    )
}

fn scenario(case: &Case) -> Scenario {
    let site = case.row.site();
    let playback = |rack: usize, rated: f64| {
        let demand = &case.demands[rack];
        let sample = |at_ms, permille: u32| Sample { at_ms, watts: rated * f64::from(permille) / 1_000.0 };
        let samples = vec![sample(0, demand.before), sample(demand.at_ms, demand.after)];
        Playback::new(0, 1_000_000, samples).expect("two samples that rise")
    };
    #[allow(clippy::cast_precision_loss, reason = "a server takes some kilowatts")]
    let playbacks =
        site.servers.iter().map(|server| playback(server.rack.index(), server.rated.get() as f64)).collect();
    Scenario {
        name: "random".into(),
        seed: case.seed,
        physics: Physics { charge_start: case.charge_start, ..Physics::default() },
        meters: MeterSpec::default(),
        playbacks,
        workloads: vec![None; site.servers.len()],
        supplies: vec![SupplySpec::default()],
        events: Vec::new(),
        span_ms: 60_000,
        about: String::new(),
        site,
    }
}

/// What must hold at every moment.
fn holds_now(world: &World) -> Result<(), TestCaseError> {
    let site: &Site = world.site();
    let trips = world.judges().trips;
    prop_assert!(trips.is_empty(), "at {} ms: {trips:?}", world.now_ms());
    for (nth, module) in site.kesms.iter().enumerate() {
        let (given, rated) = (world.kesm(nth).bus_watts(), watts(module.rated.get()));
        prop_assert!(given <= rated * TOLERANCE, "{} gives {given:.0} W of {rated:.0} W", module.name);
    }
    for rack in site.rack_ids() {
        let share = world.bus_volts(rack) * 1_000.0 / watts(site.bus(rack).get());
        prop_assert!(share >= BUS_SHARE_MIN, "the bus of {} is at {share:.3}", site.rack(rack).name);
    }
    Ok(())
}

/// What must have held all along.
fn held(world: &World) -> Result<(), TestCaseError> {
    let judges = world.judges();
    for (tie, record) in world.site().ties.iter().zip(&judges.ties) {
        let rated = watts(tie.rated.get());
        prop_assert!(record.peak_watts <= rated * TOLERANCE, "{} carries {:.0} W", tie.name, record.peak_watts);
    }
    prop_assert!(world.energy_error_share().abs() < 1e-6, "{:e}", world.energy_error_share());
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "watts and joules of a row are small")]
fn watts(integer: i64) -> f64 {
    integer as f64
}

proptest! {
    #![proptest_config(config_of(CASES))]

    #[test]
    fn no_single_failure_is_more_than_the_plant_bears(case in case()) {
        let scenario = scenario(&case);
        let mut world = World::new(&scenario);
        let policy = if case.foresees { PolicyName::Oracle } else { PolicyName::Persistence };
        let forecaster = Forecaster::of(policy, &scenario, None).expect("both policies plan");
        let mut controller = Controller::new(&world, forecaster);
        let stored: Vec<f64> = (0..world.site().kesms.len()).map(|nth| world.kesm(nth).usable_joules()).collect();
        while world.now_ms() < AT_WORK_MS {
            controller.tick(&mut world);
            holds_now(&world)?;
        }
        prop_assert_eq!(controller.refusals(), 0);
        held(&world)?;
        for ((module, record), before) in world.site().kesms.iter().zip(&world.judges().kesms).zip(&stored) {
            let reserve = watts(module.reserve.get());
            let kept = record.lowest_joules >= reserve.min(*before) - STORE_TOLERANCE_JOULES;
            prop_assert!(kept, "{} is down to {:.0} J of {reserve:.0} J", module.name, record.lowest_joules);
        }
        let site = world.site();
        let breakable: Vec<DeviceId> =
            site.kesm_ids().map(DeviceId::Kesm).chain(site.tie_ids().map(DeviceId::Tie)).collect();
        let broken = *case.breaks.get(&breakable);
        let reaction_ms = site.policy.reaction.get().unsigned_abs();
        world.set_healthy(broken, false);
        for _ in 0..reaction_ms / 10 {
            world.run_ms(10);
            holds_now(&world)?;
        }
        held(&world)?;
    }
}
