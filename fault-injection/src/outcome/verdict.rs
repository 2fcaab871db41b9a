//! One sentence for each scenario: who tripped, and who was best without.
//!
//! Among policies without a trip, better is, in this order: fewer server failures and ITIC violations, less energy
//! denied or not served, fewer seconds over a limit, less energy lost. `oracle` is a bound, no rival.

use std::cmp::Ordering;

use super::columns::{decimal, kilo};
use super::{Outcome, PolicyName, PolicyOutcome, Score};

/// How policies without a trip are ranked, for readers.
pub const RANKING: &str = "Among policies that trip nothing, better is, in this order: fewer server failures and ITIC \
     violations, less energy denied or not served, fewer seconds over a limit, less energy lost. The oracle is a \
     bound, no rival.";

/// What the runs of a scenario came to.
pub fn sentence(outcome: &Outcome) -> String {
    let open = outcome.policies.iter().filter(|each| !each.score.energy_closes()).collect::<Vec<_>>();
    if !open.is_empty() {
        return format!("Worth nothing: the energy account of {} does not close.", listed(&open));
    }
    let (tripped, safe) = outcome.policies.iter().partition::<Vec<_>, _>(|each| each.score.trips > 0);
    match (tripped.is_empty(), safe.is_empty()) {
        (true, true) => "No policy was run.".to_owned(),
        (true, false) => format!("No breaker trips under any policy; {}.", praise(&safe)),
        (false, true) => format!("Breakers trip under every policy: {}.", counted(&tripped)),
        (false, false) => format!("Breakers trip under {}; of the others, {}.", counted(&tripped), praise(&safe)),
    }
}

fn praise(safe: &[&PolicyOutcome]) -> String {
    let (oracles, rivals) = safe.iter().partition::<Vec<&PolicyOutcome>, _>(|each| each.policy == PolicyName::Oracle);
    let Some(best) = rivals.iter().copied().reduce(|best, each| if order(each, best).is_lt() { each } else { best })
    else {
        return "only the bound, oracle, is left".to_owned();
    };
    let equals = rivals.iter().copied().filter(|each| order(each, best).is_eq()).collect::<Vec<_>>();
    let verb = if equals.len() == 1 { "is" } else { "are" };
    let bound = oracles.first().map_or_else(String::new, |oracle| format!(" (the oracle: {})", figures(&oracle.score)));
    format!("{} {verb} best with {}{bound}", listed(&equals), figures(&best.score))
}

fn order(left: &PolicyOutcome, right: &PolicyOutcome) -> Ordering {
    let (left, right) = (&left.score, &right.score);
    let failures = |score: &Score| score.server_failures + score.itic_violations;
    let missed_joules = |score: &Score| score.denied_joules + score.unserved_joules;
    failures(left)
        .cmp(&failures(right))
        .then(missed_joules(left).cmp(&missed_joules(right)))
        .then(left.overload_seconds.total_cmp(&right.overload_seconds))
        .then(left.loss_joules.cmp(&right.loss_joules))
}

fn figures(score: &Score) -> String {
    let failures = score.server_failures + score.itic_violations;
    let failed = if failures == 0 { String::new() } else { format!("{failures} failures or ITIC violations, ") };
    format!(
        "{failed}{} kJ denied, {} s over a limit, {} kJ lost",
        kilo(score.denied_joules + score.unserved_joules),
        decimal(score.overload_seconds, 1),
        kilo(score.loss_joules)
    )
}

fn counted(outcomes: &[&PolicyOutcome]) -> String {
    joined(outcomes.iter().map(|each| format!("{} ({})", each.policy, each.score.trips)).collect())
}

fn listed(outcomes: &[&PolicyOutcome]) -> String {
    joined(outcomes.iter().map(|each| each.policy.to_string()).collect())
}

fn joined(mut names: Vec<String>) -> String {
    match names.pop() {
        Some(last) if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        Some(only) => only,
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Curve;
    use super::*;

    fn check(policies: &[(PolicyName, Score)], expected: &str) {
        let policies = policies.iter().map(|(policy, score)| PolicyOutcome {
            policy: *policy,
            score: score.clone(),
            curve: Curve::default(),
            wall_seconds: 0.0,
        });
        let outcome = Outcome {
            scenario: "x".to_owned(),
            about: String::new(),
            seed: 1,
            seconds: 1.0,
            policies: policies.collect(),
        };
        assert_eq!(sentence(&outcome), expected);
    }

    fn trips(trips: u64) -> Score {
        Score { trips, ..Score::default() }
    }

    fn denied(denied_joules: i64, loss_joules: i64) -> Score {
        Score { denied_joules, loss_joules, ..Score::default() }
    }

    #[test]
    fn trips_come_first_and_the_oracle_is_no_rival() {
        use PolicyName::{None, Oracle, Ours, Persistence, ReactiveCapping, ReactiveTransfer};
        check(
            &[
                (None, trips(6)),
                (ReactiveCapping, denied(9_000, 0)),
                (ReactiveTransfer, trips(1)),
                (Ours, denied(0, 5_000)),
                (Oracle, denied(0, 4_000)),
            ],
            "Breakers trip under none (6) and reactive_transfer (1); of the others, ours is best with 0.0 kJ denied, \
             0.0 s over a limit, 5.0 kJ lost (the oracle: 0.0 kJ denied, 0.0 s over a limit, 4.0 kJ lost).",
        );
        check(
            &[(Persistence, denied(0, 5_000)), (Ours, denied(0, 5_000))],
            "No breaker trips under any policy; persistence and ours are best with 0.0 kJ denied, 0.0 s over a limit, \
             5.0 kJ lost.",
        );
        let failed = Score { itic_violations: 2, ..Score::default() };
        check(
            &[(None, failed), (ReactiveCapping, denied(9_000, 0))],
            "No breaker trips under any policy; reactive_capping is best with 9.0 kJ denied, 0.0 s over a limit, \
             0.0 kJ lost.",
        );
        check(&[(None, trips(2)), (Ours, trips(1))], "Breakers trip under every policy: none (2) and ours (1).");
        check(
            &[(None, trips(2)), (Oracle, trips(0))],
            "Breakers trip under none (2); of the others, only the bound, oracle, is left.",
        );
        check(&[], "No policy was run.");
    }

    #[test]
    fn a_run_that_does_not_add_up_wins_nothing() {
        let broken = Score { energy_error_share: 0.01, ..Score::default() };
        check(
            &[(PolicyName::None, trips(1)), (PolicyName::Ours, broken)],
            "Worth nothing: the energy account of ours does not close.",
        );
    }
}
