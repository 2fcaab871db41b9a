//! A slice of runs: fixed seeds, seeds of today, the same seed twice, and disks that lie.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_sim::faults::{Fault, Kind, What};
use ridethrough_sim::run::Plan;

const SPAN_MS: u64 = 30_000;
/// Seeds that are always run, and seeds of the day.
const SEEDS: u64 = 4;

fn demo() -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fault-injection/scenarios/demo");
    Scenario::load(&folder).expect("the demo's scenario")
}

fn hold(seeds: impl Iterator<Item = u64>) {
    let scenario = demo();
    for seed in seeds {
        let outcome = Plan::of(seed, &scenario, SPAN_MS).run(&scenario);
        let repeat = format!("cargo sim --seeds 1 --seed {seed} --seconds {}", SPAN_MS / 1_000);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:?}\nrepeat: {repeat}", outcome.violations);
        assert!(outcome.committed > 0 && outcome.executed > 0, "seed {seed}: nothing happened: {outcome:?}");
    }
}

#[test]
fn fixed_seeds_hold() {
    hold(1..=SEEDS);
}

#[test]
fn seeds_of_today_hold() {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs();
    println!("seeds from {today} on");
    hold(today..today + SEEDS);
}

#[test]
fn a_seed_repeats_everything_and_another_does_not() {
    let scenario = demo();
    let trace = |seed| Plan::of(seed, &scenario, SPAN_MS).run(&scenario).trace;
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

#[test]
fn disks_that_lie_about_syncs_are_found_out() {
    let scenario = demo();
    let kill = |nth: usize| {
        let at_ms = 3_000 + 1_500 * nth as u64;
        Fault { nth, kind: Kind::KillAll, at_ms, until_ms: at_ms + 200, what: What::KillAll }
    };
    let found = (1..=20).any(|seed| {
        let plan = Plan { lying_disks: true, faults: (0..9).map(kill).collect(), ..Plan::of(seed, &scenario, SPAN_MS) };
        plan.run(&scenario).violations.iter().any(|violation| violation.invariant == "I5")
    });
    assert!(found, "entries that were acknowledged and lost went unnoticed");
}

#[test]
fn disks_that_fill_and_rot_cost_nothing_that_was_committed() {
    let scenario = demo();
    let fault = |nth, kind, at_ms, what| Fault { nth, kind, at_ms, until_ms: at_ms + 2_000, what };
    let faults = vec![
        fault(0, Kind::FullDisk, 3_000, What::FullDisk(0)),
        fault(1, Kind::RottenDisk, 7_000, What::RottenDisk(1)),
        fault(2, Kind::RottenDisk, 12_000, What::RottenDisk(0)),
        // A second one at the same time would be more than any majority survives: it does not take effect.
        fault(3, Kind::RottenDisk, 12_500, What::RottenDisk(2)),
    ];
    for seed in 1..=SEEDS {
        let outcome = Plan { faults: faults.clone(), ..Plan::of(seed, &scenario, SPAN_MS) }.run(&scenario);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:?}", outcome.violations);
        assert_eq!(outcome.faults.get(&Kind::FullDisk), Some(&1), "seed {seed}");
        assert_eq!(outcome.faults.get(&Kind::RottenDisk), Some(&2), "seed {seed}");
    }
}

#[test]
fn an_empty_disk_that_hears_the_old_leader_alone_costs_nothing_that_the_new_one_committed() {
    let scenario = demo();
    let lost_vote = |nth: usize| {
        let at_ms = 3_000 + 4_000 * nth as u64;
        Fault { nth, kind: Kind::LostVote, at_ms, until_ms: at_ms + 2_500, what: What::LostVote }
    };
    for seed in 1..=SEEDS {
        let plan = Plan { faults: (0..3).map(lost_vote).collect(), ..Plan::of(seed, &scenario, SPAN_MS) };
        let outcome = plan.run(&scenario);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:?}", outcome.violations);
        assert!(outcome.failovers >= 3, "seed {seed}: another was elected each time: {outcome:?}");
    }
}

/// A follower judges only what concerns racks that it has heard for a minute.
#[test]
fn followers_agree_to_what_their_leader_has_committed_where_nothing_is_wrong() {
    let scenario = demo();
    let mut agreed = 0;
    for seed in 1..=SEEDS {
        let outcome = Plan { faults: Vec::new(), ..Plan::of(seed, &scenario, 4 * SPAN_MS) }.run(&scenario);
        assert!(outcome.violations.is_empty(), "seed {seed}: {:?}", outcome.violations);
        assert_eq!(outcome.judged.disputed, 0, "seed {seed}: {:?}", outcome.judged);
        agreed += outcome.judged.agreed;
    }
    assert!(agreed > 0, "no follower had anything to judge");
}
