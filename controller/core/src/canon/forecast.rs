//! Forecasts, and who makes them.

use super::Canon;
use crate::fallback::{ForecastNote, Part};
use crate::forecast::{Engine, ForecastSource, RackForecast, RuleReason};

/// Comes before what makes the planner act, where that is not what it covers.
const TRIGGER: &[u8] = b"trigger of a forecast";

impl Canon {
    pub(super) fn forecast(&mut self, forecast: &RackForecast) {
        for watts in [forecast.p50, forecast.p90, forecast.p99, forecast.peak_p99] {
            self.signed(watts.get());
        }
        self.signed(forecast.horizon.get());
        // An old log keeps its hashes: where trigger and bound are one, as they were, nothing is added.
        if forecast.peak_p50 != forecast.peak_p99 {
            self.bytes(TRIGGER);
            self.signed(forecast.peak_p50.get());
        }
        match forecast.source {
            ForecastSource::Model { hash8 } => self.bytes(&hash8),
            ForecastSource::Rule(reason) => self.unsigned(rule_number(reason)),
        }
    }

    pub(super) fn forecast_note(&mut self, note: &ForecastNote) {
        self.unsigned(note.engine.map_or(0, engine_number));
        // A rule's number begins at 1: 0 is the model.
        let rule = |rule: Option<RuleReason>| rule.map_or(0, rule_number);
        self.list(&note.changes, |canon, change| {
            let (kind, index) = match change.part {
                Part::Rack(rack) => (1, rack.0),
                Part::Row(row) => (2, row.0),
            };
            canon.unsigned(kind);
            canon.unsigned(u64::from(index));
            canon.unsigned(rule(change.rule));
        });
        self.list(&note.more, |canon, tally| {
            canon.unsigned(rule(tally.rule));
            canon.unsigned(u64::from(tally.parts));
        });
    }
}

pub(super) const fn rule_number(reason: RuleReason) -> u64 {
    match reason {
        RuleReason::NoModel => 1,
        RuleReason::NotFinite => 2,
        RuleReason::OutOfRange => 3,
        RuleReason::Late => 4,
        RuleReason::RuntimeFailed => 5,
        RuleReason::ColdStart => 6,
        RuleReason::Refused => 7,
        RuleReason::NotHere => 8,
        RuleReason::Drift => 9,
        RuleReason::FrozenMeter => 10,
    }
}

const fn engine_number(engine: Engine) -> u64 {
    match engine {
        Engine::Configured => 1,
        Engine::Late => 2,
        Engine::Failed => 3,
        Engine::NoRuntime => 4,
        Engine::RuntimeHung => 5,
        Engine::RuntimePanicked => 6,
        Engine::Gone => 7,
    }
}
