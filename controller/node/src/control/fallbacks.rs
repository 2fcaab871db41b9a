//! What this replica tells of forecasts that fall back to the rule: in metrics at every tick, in its own words when
//! something changes, and in the log while it leads.

use std::collections::BTreeMap;

use metrics::{Gauge, describe_counter, describe_gauge, gauge};
use ridethrough_core::command::Command;
use ridethrough_core::fallback::FallbackWatch;
use ridethrough_core::forecast::{Engine, ForecastSource, RuleReason};
use ridethrough_core::units::Millis;

use super::ControlThread;
use super::proposals::About;

/// What was told, and the gauges.
pub struct Fallbacks {
    watch: FallbackWatch,
    engines: [(Engine, Gauge); Engine::ALL.len()],
    by_rule: [(RuleReason, Gauge); RuleReason::ALL.len()],
    hangs: Gauge,
}

impl Fallbacks {
    /// Nothing is told yet. Install the recorder of metrics first.
    pub fn new() -> Self {
        describe_gauge!("ridethrough_forecast_engine", "1 for what makes the forecasts, 0 for the others");
        describe_gauge!("ridethrough_forecast_by_rule", "Racks and rows that the rule speaks for, by reason");
        describe_gauge!("ridethrough_forecast_thread_hangs", "1 while a forecast thread that was given up hangs");
        describe_counter!("ridethrough_forecast_runtime_given_up_total", "Runtimes that were given up, by why");
        Self {
            watch: FallbackWatch::default(),
            engines: Engine::ALL.map(|one| (one, gauge!("ridethrough_forecast_engine", "state" => one.label()))),
            by_rule: RuleReason::ALL.map(|one| (one, gauge!("ridethrough_forecast_by_rule", "reason" => one.as_str()))),
            hangs: gauge!("ridethrough_forecast_thread_hangs"),
        }
    }

    /// What stands is told anew.
    pub fn forget(&mut self) {
        self.watch.forget();
    }

    fn count(&self, engine: Engine, hangs: bool, sources: impl Iterator<Item = ForecastSource>) {
        let mut by_rule = BTreeMap::new();
        for source in sources {
            if let ForecastSource::Rule(reason) = source {
                *by_rule.entry(reason.as_str()).or_insert(0_u32) += 1;
            }
        }
        for (reason, gauge) in &self.by_rule {
            gauge.set(by_rule.get(reason.as_str()).copied().unwrap_or_default());
        }
        for (one, gauge) in &self.engines {
            gauge.set(f64::from(u8::from(*one == engine)));
        }
        self.hangs.set(f64::from(u8::from(hangs)));
    }
}

impl ControlThread {
    /// Tells what is news of this tick's forecasts.
    pub(super) fn tell_fallbacks(&mut self, now: Millis) {
        let (engine, hangs) = (self.parts.forecasting.engine(), self.parts.forecasting.hangs());
        let (racks, rows) = (self.control.forecasts(), self.control.row_forecasts());
        self.fallbacks.count(engine, hangs, racks.iter().chain(rows).map(|forecast| forecast.source));
        // Before the founding there is no log to tell it to, and while the last word is on its way the next one waits.
        if !self.control.is_founded() || self.proposals.busy(About::Forecasts) {
            return;
        }
        let Some(note) = self.fallbacks.watch.look(now, engine, racks, rows) else { return };
        for line in note.lines(&self.parts.site) {
            tracing::warn!("forecast: {line}");
        }
        if self.leadership.acting().is_some() && !self.send_proposal(Command::Forecasts(note), now) {
            self.fallbacks.forget();
        }
    }
}
