//! Models of the forecast.

use serde::{Deserialize, Serialize};

/// Which models decide and are tried, as `8bae15f5 version 3`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelsView {
    /// The model that decides here; none while the rule does.
    pub deciding: Option<String>,
    /// Why the model that should decide does not.
    pub refused: Option<String>,
    /// The one that the log has chosen; none while the configured one decides.
    pub active: Option<String>,
    /// The one that is tried beside it.
    pub shadow: Option<String>,
    /// The one that decided before.
    pub previous: Option<String>,
    /// No version below may decide.
    pub minimum_version: u64,
    /// How good what decides and what is tried have been, while something is tried.
    pub scores: Vec<ScoreView>,
}

/// How good a model has been.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreView {
    /// `active` or `shadow`.
    pub model: String,
    /// Forecasts that were judged.
    pub judged: u64,
    /// Mean pinball loss of P50, P90 and P99 together, in millionths of the limit.
    pub pinball_ppm: u64,
    /// Thousandths of the bounds on the peak that held.
    pub covered_permille: u64,
}
