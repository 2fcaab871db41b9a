//! The yardstick on the scenarios that ship: it counts what it says, twice the same, and orders the policies as they
//! must be ordered.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use ridethrough_fault_injection::outcome::{Outcome, PolicyName, Request, Score, json, run as compare};

/// Everything but the model, which other tests load.
const POLICIES: [PolicyName; 5] = [
    PolicyName::None,
    PolicyName::ReactiveCapping,
    PolicyName::ReactiveTransfer,
    PolicyName::Persistence,
    PolicyName::Oracle,
];

fn run(scenario: &str, policies: &[PolicyName], seed: Option<u64>) -> Outcome {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
    let request = Request {
        scenarios: vec![folder],
        policies: policies.to_vec(),
        seed,
        jobs: NonZeroUsize::MIN.saturating_add(1),
        model: None,
        progress: |_, _, _| (),
    };
    compare(&request).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

fn score(outcome: &Outcome, policy: PolicyName) -> Score {
    let found = outcome.policies.iter().find(|each| each.policy == policy);
    found.expect("it was asked for").score.clone()
}

fn text(outcome: Outcome) -> String {
    json::text(&[outcome]).expect("plain figures")
}

#[test]
fn training_swings_trip_a_breaker_unless_somebody_acts() {
    let outcomes = run("training-swings", &POLICIES, None);
    let [none, capping, reactive, persistence, oracle] = POLICIES.map(|policy| score(&outcomes, policy));
    assert!(none.trips > 0 && none.moved_joules == 0 && none.denied_joules == 0, "{none:?}");
    assert!(capping.trips == 0 && capping.denied_joules > 0 && capping.capped_server_seconds > 0.0, "{capping:?}");
    for transfer in [&reactive, &persistence, &oracle] {
        assert!(transfer.trips == 0 && transfer.denied_joules == 0 && transfer.moved_joules > 0, "{transfer:?}");
        assert!(transfer.overload_seconds < capping.overload_seconds, "{transfer:?}");
    }
    assert!(oracle.overload_seconds <= reactive.overload_seconds, "{oracle:?}");
}

#[test]
fn a_calm_day_asks_for_nothing() {
    let outcomes = run("calm", &POLICIES, None);
    for outcome in &outcomes.policies {
        let score = &outcome.score;
        assert_eq!((score.trips, score.transfers, score.denied_joules), (0, 0, 0), "{outcome:?}");
        assert!(score.overload_seconds <= 0.0 && score.itic_violations == 0, "{outcome:?}");
    }
}

#[test]
fn the_generator_decides_a_long_outage() {
    let [with, without] = ["outage-generator", "outage-no-start"]
        .map(|name| score(&run(name, &[PolicyName::None], None), PolicyName::None));
    assert!(with.itic_violations == 0 && with.deepest_charge_share > 0.4, "{with:?}");
    assert!(
        without.server_failures > 2 * with.server_failures
            && without.unserved_joules > 0
            && without.deepest_charge_share < 0.01
    );
}

#[test]
fn one_seed_gives_one_result_and_another_another() {
    let twice = [(); 2].map(|()| text(run("kesm-lost", &POLICIES, Some(7))));
    assert_eq!(twice[0], twice[1]);
    assert_ne!(twice[0], text(run("kesm-lost", &POLICIES, Some(8))));
}

#[test]
fn the_json_is_by_scenario_and_policy_with_the_names_that_were_promised() {
    let told = text(run("utility-blips", &[PolicyName::None, PolicyName::Persistence], None));
    let json: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
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
    let entries = std::fs::read_dir(folder).expect("they ship").map(|entry| entry.expect("readable"));
    let scenarios = entries.filter(|entry| entry.path().join("scenario.toml").is_file());
    let mut seen = 0;
    for name in scenarios.filter_map(|entry| entry.file_name().into_string().ok()) {
        for outcome in run(&name, &[PolicyName::Persistence], None).policies {
            assert!(outcome.score.energy_error_share.abs() < 1e-6, "{outcome:?}");
            seen += 1;
        }
    }
    assert!(seen >= 11, "{seen} runs");
}
