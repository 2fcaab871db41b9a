//! The policies that are compared, and what a run under one of them came to.

use std::fmt;

use clap::ValueEnum;
use serde::{Serialize, Serializer};

use crate::plant::energy::ERROR_SHARE_MAX;

/// Who decides in a run. The order is that of every table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum PolicyName {
    /// No controller.
    None,
    /// Three-band power capping as in Dynamo (ISCA 2016): at 99 % of a limit down to 95 %, free below 90 %, every 3 s.
    #[value(alias = "reactive-capping")]
    ReactiveCapping,
    /// Transfers, but only once a limit is passed.
    #[value(alias = "reactive-transfer")]
    ReactiveTransfer,
    /// Our planner with the last measured value as its forecast.
    Persistence,
    /// Our planner with the model's forecast.
    Ours,
    /// Our planner with the true future as its forecast: the bound of what forecasts can bring.
    Oracle,
}

impl PolicyName {
    /// How it is typed and how it is named in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ReactiveCapping => "reactive_capping",
            Self::ReactiveTransfer => "reactive_transfer",
            Self::Persistence => "persistence",
            Self::Ours => "ours",
            Self::Oracle => "oracle",
        }
    }

    /// What it does, in one line; the same that `--help` tells.
    pub fn about(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a run came to. The names and their order are the contract of `--output json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Breakers that tripped.
    pub trips: u64,
    /// Seconds over a limit, summed over racks.
    #[serde(serialize_with = "thousandths")]
    pub overload_seconds: f64,
    /// Energy drawn above limits, in J.
    pub overload_joules: i64,
    /// Seconds in which a server worked and took less than it would have, summed over servers.
    #[serde(serialize_with = "thousandths")]
    pub capped_server_seconds: f64,
    /// Energy that caps and shutdowns in good order kept from servers, in J.
    pub denied_joules: i64,
    /// Energy that modules and ties brought to rack buses, in J.
    pub moved_joules: i64,
    /// Energy lost by storing and moving, in J.
    pub loss_joules: i64,
    /// Seconds below the reserve, summed over modules, while nothing excuses it: the supply of the module's row gives
    /// 90 % of nominal or more, and has for 60 s. Getting back what an outage took is nobody's fault.
    #[serde(serialize_with = "thousandths")]
    pub reserve_floor_seconds: f64,
    /// Transfers that no overload would have needed.
    pub false_transfers: u64,
    /// Excursions of a server's supply outside the ITIC curve.
    pub itic_violations: u64,
    /// The highest heat of any breaker: 0 cold, 1 trips.
    #[serde(serialize_with = "thousandths")]
    pub worst_damage: f64,
    /// The lowest charge of any module as a share of its capacity.
    #[serde(serialize_with = "thousandths")]
    pub deepest_charge_share: f64,
    /// The highest power taken from all utility feeds together, in W.
    pub utility_peak_watts: i64,
    /// Servers that failed for want of power.
    pub server_failures: u64,
    /// What servers would have taken while they were dark, in J.
    pub unserved_joules: i64,
    /// Energy that caps kept from servers and that was not caught up with by the end, in J.
    pub deferred_joules: i64,
    /// Transfers that were ordered.
    pub transfers: u64,
    /// What does not add up in the energy account, as a share of what was turned over.
    #[serde(serialize_with = "three_digits")]
    pub energy_error_share: f64,
    /// Seconds below the reserve, summed over modules, outages included.
    #[serde(serialize_with = "thousandths")]
    pub reserve_floor_total_seconds: f64,
    /// Seconds from the beginning of a shutdown in good order until it works again, summed over servers.
    #[serde(serialize_with = "thousandths")]
    pub shutdown_server_seconds: f64,
    /// Servers that shut down in good order.
    pub orderly_shutdowns: u64,
    /// Plans of its own that the envelope refused: the planner should make none.
    pub refused_plans: u64,
}

impl Score {
    /// Whether the energy account adds up; if not, no other figure is worth anything.
    pub fn energy_closes(&self) -> bool {
        self.energy_error_share.abs() < ERROR_SHARE_MAX
    }
}

/// A run over time, for plots: one sample for each second of scenario time, the first at 0 s.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// The draw of the rack that is worst off, as a share of its limit.
    pub worst_draw_shares: Vec<f64>,
    /// Usable energy of all modules as a share of their capacity.
    pub stored_shares: Vec<f64>,
    /// Power taken from all utility feeds together, in W.
    pub utility_watts: Vec<f64>,
    /// Servers under a cap, or told to shut down and not at work again.
    pub capped_servers: Vec<u32>,
    /// What happened, in the order of time.
    pub marks: Vec<Mark>,
}

/// A moment worth a mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// When, in s of scenario time.
    pub at_seconds: f64,
    /// What kind of moment.
    pub kind: MarkKind,
    /// What happened, or for a trip where.
    pub text: String,
}

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// A breaker tripped.
    Trip,
    /// The scenario did something.
    Event,
}

/// A policy in one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyOutcome {
    /// Which.
    pub policy: PolicyName,
    /// What it came to.
    pub score: Score,
    /// The run over time.
    pub curve: Curve,
    /// How long the run took on the real clock, in s; no part of any comparison.
    pub wall_seconds: f64,
}

/// A scenario under several policies on the same seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What people call the scenario.
    pub scenario: String,
    /// What it shows, for people.
    pub about: String,
    /// What all dice of the plant came from.
    pub seed: u64,
    /// For how long it ran, in s of scenario time.
    pub seconds: f64,
    /// By policy, in the order in which they are told.
    pub policies: Vec<PolicyOutcome>,
}

/// Rounds to three decimals: a step of the plant is a millisecond.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn thousandths<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value * 1_000.0).round() / 1_000.0)
}

/// Rounds to three significant digits: an account's error is far below a thousandth, and is to be seen all the same.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn three_digits<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(format!("{value:.2e}").parse().unwrap_or(*value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_has_one_name_everywhere() {
        for policy in PolicyName::value_variants() {
            let typed = policy.to_possible_value().expect("none is hidden");
            assert_eq!(typed.get_name(), policy.name());
            assert_eq!(serde_json::to_value(policy).expect("a string"), json!(policy.name()));
            assert_eq!(PolicyName::from_str(&policy.name().replace('_', "-"), false), Ok(*policy));
            let about = policy.about();
            assert!(!about.is_empty() && !about.contains('\n'), "{policy}: {about:?}");
        }
    }

    #[test]
    fn figures_are_rounded_and_an_error_of_the_account_stays_visible() {
        let score = Score { overload_seconds: 1.234_56, energy_error_share: 3.456_7e-12, ..Score::default() };
        let value = serde_json::to_value(&score).expect("plain figures");
        assert_eq!(value["overload_seconds"], json!(1.235));
        assert_eq!(value["energy_error_share"], json!(3.46e-12));
    }

    #[test]
    fn an_account_that_is_no_number_does_not_close() {
        for (error_share, closes) in [(0.0, true), (-0.0009, true), (0.001, false), (-1.0, false), (f64::NAN, false)] {
            let score = Score { energy_error_share: error_share, ..Score::default() };
            assert_eq!(score.energy_closes(), closes, "{error_share}");
        }
    }
}
