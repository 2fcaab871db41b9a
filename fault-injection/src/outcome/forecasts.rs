//! What a planner is told of the future under each policy.

use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::site::Site;
use ridethrough_core::units::{Millis, Watts};
use ridethrough_model::{Forecast, Guarded, HORIZON, Keep, OnnxForecast, Sample};

use super::PolicyName;
use crate::plant::whole;
use crate::scenario::Scenario;

/// A forecaster of one run.
#[derive(Debug)]
pub enum Forecaster {
    /// What is, once it is over the limit; otherwise nothing.
    Overload,
    /// What is.
    Persistence,
    /// The model, or the rule where there is none.
    Model(Box<Guarded>),
    /// What will be, in W, by rack and tick.
    Future {
        /// The time between two entries, in ms.
        every_ms: u64,
        /// Entries for each rack.
        watts: Vec<Vec<f64>>,
    },
}

impl Forecaster {
    /// The forecaster of a policy that plans; none for one that does not.
    pub fn of(policy: PolicyName, scenario: &Scenario, model: Option<OnnxForecast>) -> Option<Self> {
        let every_ms = scenario.site.policy.tick.get().unsigned_abs();
        match policy {
            PolicyName::None | PolicyName::ReactiveCapping => None,
            PolicyName::ReactiveTransfer => Some(Self::Overload),
            PolicyName::Persistence => Some(Self::Persistence),
            PolicyName::Ours => Some(Self::Model(Box::new(Guarded::new(model)))),
            PolicyName::Oracle => Some(Self::Future { every_ms, watts: scenario.demand(every_ms) }),
        }
    }

    /// What a rack's load is told to the planner as: a policy that reacts sees no overload before it is there.
    pub fn told(&self, site: &Site, rack: usize, load: Watts) -> Watts {
        let limit = site.racks[rack].limit;
        match self {
            Self::Overload if load <= limit => {
                load.min(limit.saturating_sub(limit.permille(site.policy.margin_permille * 2)))
            }
            _ => load,
        }
    }

    /// The forecasts of a tick, one for each rack, from what was measured.
    pub fn step(&mut self, site: &Site, loads: &[Option<Watts>], now_ms: u64) -> Vec<RackForecast> {
        match self {
            Self::Model(engine) => {
                let samples: Vec<Sample> =
                    loads.iter().zip(&site.racks).map(|(&power, rack)| Sample { power, limit: rack.limit }).collect();
                let keep = if now_ms.is_multiple_of(1_000) { Keep::Committed } else { Keep::Provisional };
                let mut forecasts = Vec::with_capacity(samples.len());
                engine.step(&samples, keep, &mut forecasts);
                forecasts
            }
            Self::Future { every_ms, watts } => {
                let from = usize::try_from(now_ms / *every_ms).unwrap_or(usize::MAX);
                let span = usize::try_from(HORIZON.get().unsigned_abs() / *every_ms).unwrap_or(usize::MAX);
                let peak = |rack: &Vec<f64>| rack.iter().skip(from).take(span).copied().fold(0.0, f64::max);
                watts.iter().map(|rack| flat(Watts::new(whole(peak(rack))))).collect()
            }
            Self::Overload | Self::Persistence => loads.iter().map(|load| flat(load.unwrap_or(Watts::ZERO))).collect(),
        }
    }
}

/// A forecast without doubt.
fn flat(watts: Watts) -> RackForecast {
    let (horizon, source): (Millis, _) = (HORIZON, ForecastSource::Rule(RuleReason::NoModel));
    RackForecast { p50: watts, p90: watts, p99: watts, peak_p99: watts, horizon, source }
}
