//! The yardstick on the scenarios that ship: it counts what it says, twice the same, and orders the policies as they
//! must be ordered.

use std::path::{Path, PathBuf};

use ridethrough_fault_injection::outcome::{Outcome, Policy, Request, Score, run_all, table};

/// Everything but the model, which other tests load.
const POLICIES: [Policy; 5] =
    [Policy::None, Policy::ReactiveCapping, Policy::ReactiveTransfer, Policy::Persistence, Policy::Oracle];

fn run(scenario: &str, policies: &[Policy], seed: Option<u64>) -> Vec<Outcome> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
    let request = Request { scenarios: vec![folder], policies: policies.to_vec(), seed, jobs: 2, model: None };
    run_all(&request, &|_| ()).unwrap_or_else(|error| panic!("{error}"))
}

fn score(outcomes: &[Outcome], policy: Policy) -> Score {
    outcomes.iter().find(|outcome| outcome.policy == policy).expect("it was asked for").score
}

#[test]
fn training_swings_trip_a_breaker_unless_somebody_acts() {
    let outcomes = run("training-swings", &POLICIES, None);
    let [none, capping, reactive, persistence, oracle] = POLICIES.map(|policy| score(&outcomes, policy));
    assert!(none.trips > 0 && none.moved_joules == 0 && none.denied_joules == 0, "{none:?}");
    assert!(capping.trips == 0 && capping.denied_joules > 0 && capping.capped_server_seconds > 0.0, "{capping:?}");
    for transfer in [reactive, persistence, oracle] {
        assert!(transfer.trips == 0 && transfer.denied_joules == 0 && transfer.moved_joules > 0, "{transfer:?}");
        assert!(transfer.overload_seconds < capping.overload_seconds, "{transfer:?}");
    }
    assert!(oracle.overload_seconds <= reactive.overload_seconds, "{oracle:?}");
}

#[test]
fn a_calm_day_asks_for_nothing() {
    let outcomes = run("calm", &POLICIES, None);
    for outcome in &outcomes {
        let score = &outcome.score;
        assert_eq!((score.trips, score.transfers, score.denied_joules), (0, 0, 0), "{outcome:?}");
        assert!(score.overload_seconds <= 0.0 && score.itic_violations == 0, "{outcome:?}");
    }
}

#[test]
fn the_generator_decides_a_long_outage() {
    let [with, without] =
        ["outage-generator", "outage-no-start"].map(|name| score(&run(name, &[Policy::None], None), Policy::None));
    assert!(with.itic_violations == 0 && with.deepest_charge_share > 0.4, "{with:?}");
    assert!(
        without.server_failures > 2 * with.server_failures
            && without.unserved_joules > 0
            && without.deepest_charge_share < 0.01
    );
}

#[test]
fn one_seed_gives_one_result_and_another_another() {
    let twice = [(); 2].map(|()| table::json(&run("kesm-lost", &POLICIES, Some(7))).to_string());
    assert_eq!(twice[0], twice[1]);
    assert_ne!(twice[0], table::json(&run("kesm-lost", &POLICIES, Some(8))).to_string());
}

#[test]
fn the_json_is_by_scenario_and_policy_with_the_names_that_were_promised() {
    let json = table::json(&run("utility-blips", &[Policy::None, Policy::Persistence], None));
    let scores = json["utility-blips"].as_object().expect("by scenario");
    assert_eq!(scores.keys().collect::<Vec<_>>(), ["none", "persistence"]);
    for name in [
        "trips",
        "overload_seconds",
        "overload_joules",
        "capped_server_seconds",
        "denied_joules",
        "moved_joules",
        "loss_joules",
        "reserve_floor_seconds",
        "false_transfers",
        "itic_violations",
    ] {
        assert!(scores["none"][name].is_number(), "{name} in {scores:?}");
    }
}

/// Honesty rule 1, in every scenario that ships; the yardstick itself refuses a run that breaks it.
#[test]
fn energy_closes_in_every_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let names = std::fs::read_dir(folder).expect("they ship").map(|entry| entry.expect("readable").file_name());
    let mut seen = 0;
    for name in names.filter_map(|name| name.into_string().ok()).filter(|name| !name.contains('.')) {
        for outcome in run(&name, &[Policy::Persistence], None) {
            assert!(outcome.score.energy_error_share.abs() < 1e-6, "{outcome:?}");
            seen += 1;
        }
    }
    assert!(seen >= 11, "{seen} runs");
}
