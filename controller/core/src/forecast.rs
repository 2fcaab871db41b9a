//! A rack's predicted demand, after floats have been left behind at the model's edge.

use std::fmt;

use crate::units::{Millis, Watts};

/// Predicted demand of one rack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RackForecast {
    /// Median at the horizon.
    pub p50: Watts,
    /// 90th percentile at the horizon.
    pub p90: Watts,
    /// 99th percentile at the horizon.
    pub p99: Watts,
    /// Median of the maximum from now to the horizon: what makes the planner act.
    pub peak_p50: Watts,
    /// 99th percentile of the maximum from now to the horizon: what it covers when it acts.
    pub peak_p99: Watts,
    /// How far ahead it looks.
    pub horizon: Millis,
    /// What made it.
    pub source: ForecastSource,
}

impl RackForecast {
    /// A forecast without doubt: that much, and no more at any time until the horizon.
    pub const fn flat(watts: Watts, horizon: Millis, source: ForecastSource) -> Self {
        Self { p50: watts, p90: watts, p99: watts, peak_p50: watts, peak_p99: watts, horizon, source }
    }
}

/// What made a forecast (I8: the decision says which one was used).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForecastSource {
    /// A model, named by the first bytes of its file's SHA-256.
    Model {
        /// First eight bytes of the hash.
        hash8: [u8; 8],
    },
    /// The rule, and why not the model.
    Rule(RuleReason),
}

/// Why the rule-based fallback spoke instead of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleReason {
    /// None is loaded.
    NoModel,
    /// It answered NaN or infinity.
    NotFinite,
    /// It answered something absurd.
    OutOfRange,
    /// Its answer is too old.
    Late,
    /// Its runtime failed.
    RuntimeFailed,
    /// It has not seen enough samples of this rack.
    ColdStart,
    /// Its signature, its files or its version did not pass.
    Refused,
    /// The model that the log says decides is not on this replica.
    NotHere,
    /// It missed too often of late: this rack does what it was not trained on.
    Drift,
    /// The rack's meter shows one number over and over.
    FrozenMeter,
}

/// What makes a replica's forecasts, all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// What is configured, in time.
    Configured,
    /// Its answer is too old.
    Late,
    /// The model could not be run.
    Failed,
    /// The replica's own step of the model: there is no sound runtime.
    NoRuntime,
    /// The same, since the runtime hung and was given up.
    RuntimeHung,
    /// The same, since the runtime's thread ended by a panic.
    RuntimePanicked,
    /// Nothing: the own step's thread has ended, too.
    Gone,
}

impl Engine {
    /// Every one there is.
    pub const ALL: [Self; 7] = [
        Self::Configured,
        Self::Late,
        Self::Failed,
        Self::NoRuntime,
        Self::RuntimeHung,
        Self::RuntimePanicked,
        Self::Gone,
    ];

    /// Its place in [`Self::ALL`].
    pub const fn place(self) -> usize {
        self as usize
    }

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "forecasts come in time from what is configured",
            Self::Late => "forecasts come too late: the rule speaks for every rack",
            Self::Failed => "the model could not be run: the rule speaks for every rack",
            Self::NoRuntime => "there is no sound runtime: the model is run by the replica's own step",
            Self::RuntimeHung => "the runtime hung and was given up: the model is run by the replica's own step",
            Self::RuntimePanicked => "the runtime's thread panicked: the model is run by the replica's own step",
            Self::Gone => "nothing is left to run the model: the rule speaks for every rack until a restart",
        }
    }

    /// Its name in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::NoRuntime => "no_runtime",
            Self::RuntimeHung => "runtime_hung",
            Self::RuntimePanicked => "runtime_panicked",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for ForecastSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model { hash8 } => {
                write!(f, "model ")?;
                hash8[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Rule(reason) => write!(f, "rule ({})", reason.as_str()),
        }
    }
}

impl RuleReason {
    /// Every reason there is.
    pub const ALL: [Self; 10] = [
        Self::NoModel,
        Self::NotFinite,
        Self::OutOfRange,
        Self::Late,
        Self::RuntimeFailed,
        Self::ColdStart,
        Self::Refused,
        Self::NotHere,
        Self::Drift,
        Self::FrozenMeter,
    ];

    /// The reason as metrics and people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoModel => "no model",
            Self::NotFinite => "model not finite",
            Self::OutOfRange => "model out of range",
            Self::Late => "model late",
            Self::RuntimeFailed => "runtime failed",
            Self::ColdStart => "cold start",
            Self::Refused => "model refused",
            Self::NotHere => "model not on this replica",
            Self::Drift => "model drifts",
            Self::FrozenMeter => "meter frozen",
        }
    }
}
