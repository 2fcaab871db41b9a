//! What a planner is told of the future under each policy.

use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::site::Site;
use ridethrough_core::units::{Millis, Watts};
use ridethrough_model::{Forecast, Guarded, HORIZON, Keep, OnnxForecast, row_loads, site_samples};

use super::PolicyName;
use crate::plant::whole;
use crate::scenario::Scenario;

/// Before a scenario begins, the model has watched its racks for so long, in ms: the demo waits for half a minute, too.
const WATCHED_MS: u64 = 60_000;

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
            PolicyName::Ours => Some(Self::Model(Box::new(watched(scenario, Guarded::new(model))))),
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

    /// The forecasts of a tick: one for each rack, from what was measured, and one for each row.
    pub fn step(&mut self, site: &Site, loads: &[Option<Watts>], now_ms: u64) -> Forecasts {
        match self {
            Self::Model(engine) => {
                let keep = if now_ms.is_multiple_of(1_000) { Keep::Committed } else { Keep::Provisional };
                let mut racks = Vec::with_capacity(site.racks.len() + site.rows.len());
                engine.step(&site_samples(site, loads), keep, &mut racks);
                let rows = racks.split_off(site.racks.len());
                Forecasts { racks, rows }
            }
            Self::Future { every_ms, watts } => {
                let from = usize::try_from(now_ms / *every_ms).unwrap_or(usize::MAX);
                let span = usize::try_from(HORIZON.get().unsigned_abs() / *every_ms).unwrap_or(usize::MAX);
                let peak = |rack: &Vec<f64>| rack.iter().skip(from).take(span).copied().fold(0.0, f64::max);
                let racks = watts.iter().map(|rack| flat(Watts::new(whole(peak(rack))))).collect();
                let of_row = |row: usize| {
                    let racks = || site.racks.iter().zip(&*watts).filter(|(rack, _)| rack.row.index() == row);
                    let sum = |tick: usize| racks().filter_map(|(_, watts)| watts.get(tick)).sum::<f64>();
                    flat(Watts::new(whole((from..from + span).map(sum).fold(0.0, f64::max))))
                };
                Forecasts { racks, rows: (0..site.rows.len()).map(of_row).collect() }
            }
            Self::Overload | Self::Persistence => Forecasts {
                racks: loads.iter().map(|load| flat(load.unwrap_or(Watts::ZERO))).collect(),
                rows: row_loads(site, loads).into_iter().map(|load| flat(load.unwrap_or(Watts::ZERO))).collect(),
            },
        }
    }
}

/// The forecasts of a tick.
#[derive(Clone, Debug)]
pub struct Forecasts {
    /// One for each rack.
    pub racks: Vec<RackForecast>,
    /// One for each row.
    pub rows: Vec<RackForecast>,
}

/// An engine that has watched the racks for a while, as one that has been commissioned has.
fn watched(scenario: &Scenario, mut engine: Guarded) -> Guarded {
    const SECOND_MS: u64 = 1_000;
    let before = scenario.demand_before(WATCHED_MS, SECOND_MS);
    let mut out = Vec::new();
    for second in 0..before.first().map_or(0, Vec::len) {
        let loads: Vec<Option<Watts>> = before.iter().map(|rack| Some(Watts::new(whole(rack[second])))).collect();
        engine.step(&site_samples(&scenario.site, &loads), Keep::Committed, &mut out);
    }
    engine
}

/// A forecast without doubt.
fn flat(watts: Watts) -> RackForecast {
    let (horizon, source): (Millis, _) = (HORIZON, ForecastSource::Rule(RuleReason::NoModel));
    RackForecast::flat(watts, horizon, source)
}
