//! openraft and the adapter on virtual time, in slices. `cargo xtask test` runs them.

use std::time::{SystemTime, UNIX_EPOCH};

use ridethrough_raft_faults::sim::book::Rule;
use ridethrough_raft_faults::sim::plan::{Fault, Kind, Plan};
use ridethrough_raft_faults::sim::run::Outcome;

/// Virtual time of each run.
const MS: u64 = 15_000;

fn run(plan: &Plan) -> Outcome {
    let memory = std::path::Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder");
    plan.run(dir.path()).expect("files")
}

fn holds(seeds: impl IntoIterator<Item = u64>) {
    for seed in seeds {
        let outcome = run(&Plan::of(seed, MS));
        let repeat = format!("cargo sim-raft --seeds 1 --seed {seed} --seconds {}", MS / 1_000);
        assert!(outcome.violations.is_empty(), "{}\nrepeat: {repeat}", outcome.violations[0]);
        println!(
            "seed {seed}: {} entries, {} leaders, faults {:?}",
            outcome.acked, outcome.leaderships, outcome.faults
        );
    }
}

#[test]
fn two_runs_of_one_seed_see_the_same() {
    // One with power cuts, hand-overs and snapshots.
    let plan = Plan::of(8, MS);
    let (one, other) = (run(&plan), run(&plan));
    assert_eq!((one.trace, one.acked, one.simulated_ms), (other.trace, other.acked, other.simulated_ms));
    assert_ne!(one.trace, run(&Plan { seed: 9, ..plan }).trace);
}

#[test]
fn a_fixed_slice_of_seeds_holds() {
    holds(1..=5);
}

#[test]
fn another_slice_of_seeds_each_time_holds() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    holds(now..now + 3);
}

/// Power cuts of all three, one after the other.
fn cuts() -> Vec<Fault> {
    let cut = |nth: usize| {
        let at_ms = 1_500 + 1_200 * nth as u64;
        Fault { nth, kind: Kind::PowerCutAll, at_ms, until_ms: at_ms + 200, whom: 1, other: 2, hard_ms: 1 }
    };
    (0..12).map(cut).collect()
}

#[test]
fn disks_that_lie_are_found_out_and_others_are_not() {
    let plan = |seed, lies| Plan { seed, ends_ms: MS, lies, faults: cuts() };
    assert_eq!(run(&plan(1, false)).violations, []);
    let found = (1..=10).find_map(|seed| run(&plan(seed, true)).violations.into_iter().next());
    let rule = found.expect("an acknowledged entry is missing").rule;
    assert!(matches!(rule, Rule::Durable | Rule::SameState | Rule::Runs), "{rule:?}");
}

/// Found by seed 50,035. The first leader was cut off and did not know of the second, whose disk was lost; the second had been
/// elected by a third, and what they had committed the first one committed once more, otherwise, with the empty disk's help.
#[test]
fn an_empty_replica_does_not_help_a_leader_who_was_succeeded() {
    let fault = |nth, kind, at_ms, until_ms, [whom, other]: [u16; 2], hard_ms| Fault {
        nth,
        kind,
        at_ms,
        until_ms,
        whom,
        other,
        hard_ms,
    };
    let faults = vec![
        fault(1, Kind::RestartedVoter, 2_329, 3_378, [1, 3], 34),
        fault(2, Kind::DiskLost, 3_627, 3_637, [2, 1], 167),
    ];
    let outcome = run(&Plan { seed: 50_035, ends_ms: 6_000, lies: false, faults });
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.faults.get(&Kind::DiskLost), Some(&1));
}

#[test]
fn every_kind_of_fault_takes_effect() {
    let fault = |(nth, kind)| {
        let at_ms = 1_500 + 900 * nth as u64;
        Fault { nth, kind, at_ms, until_ms: at_ms + 300, whom: 1, other: 2, hard_ms: 20 }
    };
    let faults: Vec<Fault> = Kind::ALL.into_iter().enumerate().map(fault).collect();
    let outcome = run(&Plan { seed: 5, ends_ms: MS, lies: false, faults });
    assert_eq!(outcome.violations, []);
    assert!(Kind::ALL.iter().all(|kind| outcome.faults.get(kind) == Some(&1)), "{:?}", outcome.faults);
    assert!(outcome.leaderships > 4 && outcome.handed_over == 1, "{outcome:?}");
}
