//! Scores for programs: `{scenario: {policy: {figure: value}}}`, in the order in which they were run.

use serde::{Serialize, Serializer};

use super::{Outcome, PolicyOutcome};

/// Every score as JSON, indented, without a line break at its end.
pub fn text(outcomes: &[Outcome]) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Scenarios(outcomes))
}

/// Streams the maps as they stand: a `serde_json::Map` would sort them.
struct Scenarios<'a>(&'a [Outcome]);

struct Policies<'a>(&'a [PolicyOutcome]);

impl Serialize for Scenarios<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|outcome| (&outcome.scenario, Policies(&outcome.policies))))
    }
}

impl Serialize for Policies<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|each| (each.policy, &each.score)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PolicyName, Score};
    use super::*;

    fn outcome(scenario: &str, policies: &[PolicyName]) -> Outcome {
        let policies = policies.iter().map(|&policy| PolicyOutcome {
            policy,
            score: Score { trips: 2, overload_seconds: 0.5, ..Score::default() },
            curve: super::super::Curve::default(),
            wall_seconds: 0.0,
        });
        Outcome {
            scenario: scenario.to_owned(),
            about: String::new(),
            seed: 1,
            seconds: 60.0,
            policies: policies.collect(),
        }
    }

    #[test]
    fn the_shape_and_the_order_are_a_contract() {
        let score = concat!(
            r#"{"trips":2,"overload_seconds":0.5,"overload_joules":0,"capped_server_seconds":0.0,"denied_joules":0,"#,
            r#""moved_joules":0,"loss_joules":0,"reserve_floor_seconds":0.0,"false_transfers":0,"itic_violations":0,"#,
            r#""worst_damage":0.0,"deepest_charge_share":0.0,"utility_peak_watts":0,"server_failures":0,"#,
            r#""unserved_joules":0,"deferred_joules":0,"transfers":0,"energy_error_share":0.0,"#,
            r#""reserve_floor_total_seconds":0.0,"shutdown_server_seconds":0.0,"orderly_shutdowns":0,"refused_plans":0}"#
        );
        let outcomes = [
            outcome("surge", &[PolicyName::ReactiveCapping, PolicyName::Oracle, PolicyName::None]),
            outcome("calm", &[PolicyName::Ours]),
        ];
        let expected = format!(
            r#"{{"surge":{{"reactive_capping":{score},"oracle":{score},"none":{score}}},"calm":{{"ours":{score}}}}}"#
        );
        assert_eq!(serde_json::to_string(&Scenarios(&outcomes)).expect("plain figures"), expected);
    }

    #[test]
    fn nothing_run_is_an_empty_object() {
        assert_eq!(text(&[]).expect("nothing to fail"), "{}");
    }
}
