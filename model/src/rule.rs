//! The forecast without a model: the last minute's maximum and a margin.

use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::units::Watts;

use crate::forecast::{Forecast, HORIZON, Keep, RACKS_MAX, Sample};
use crate::held::Held;
use crate::window::Window;

/// What a rack may rise above its last minute's maximum, in thousandths of its limit.
const RISE_MARGIN_PERMILLE: u16 = 100;

/// Nothing beyond this many limits is forecast: no feed carries it.
const LIMITS_MAX: i64 = 3;

/// Forecasts by rule, in integers, with memory for 60 s per rack.
///
/// P50 is the newest reading, P90 and P99 are the 90th percentile and the maximum of the last 60 s (or the newest
/// reading, if that is above), and the peak is that maximum plus a tenth of the limit. A rack that is unknown is
/// assumed to peak at its limit at least.
#[derive(Clone, Debug)]
pub struct RuleForecast {
    racks: Vec<Rack>,
    reason: RuleReason,
}

#[derive(Clone, Debug, Default)]
struct Rack {
    held: Held,
    window: Window,
}

impl RuleForecast {
    /// A rule that answers with `reason` as a [`Forecast`]: why there is no model's answer.
    pub fn new(reason: RuleReason) -> Self {
        Self { racks: Vec::new(), reason }
    }

    /// Takes the samples of a call; a changed number of racks forgets all of them.
    pub(crate) fn observe(&mut self, samples: &[Sample], keep: Keep) {
        let count = samples.len().min(RACKS_MAX);
        if self.racks.len() != count {
            self.racks.clear();
            self.racks.resize(count, Rack::default());
        }
        for (rack, sample) in self.racks.iter_mut().zip(samples) {
            let reading = rack.held.take(sample.power, keep);
            if let (Some(watts), Keep::Committed) = (reading, keep) {
                rack.window.push(watts);
            }
        }
    }

    /// What is held of a rack; an unknown rack for one beyond [`RACKS_MAX`].
    pub(crate) fn held(&self, rack: usize) -> Held {
        self.racks.get(rack).map(|rack| rack.held).unwrap_or_default()
    }

    /// The rule's forecast of one rack, `reason` being why it is asked.
    pub(crate) fn rack(&mut self, rack: usize, limit: Watts, reason: RuleReason) -> RackForecast {
        let source = ForecastSource::Rule(reason);
        match self.racks.get_mut(rack) {
            Some(known) => known.forecast(limit, source),
            None => Rack::default().forecast(limit, source),
        }
    }
}

impl Forecast for RuleForecast {
    fn step(&mut self, samples: &[Sample], keep: Keep, out: &mut Vec<RackForecast>) {
        self.observe(samples, keep);
        out.clear();
        let reason = self.reason;
        out.extend(samples.iter().enumerate().map(|(index, sample)| self.rack(index, sample.limit, reason)));
    }
}

impl Rack {
    fn forecast(&mut self, limit: Watts, source: ForecastSource) -> RackForecast {
        let limit = limit.or_zero();
        let most = most(limit);
        let (p90, highest) = self.window.p90_and_max();
        // An unknown rack is taken to draw its limit: that plans nothing away and lends nothing out.
        let p50 = self.held.reading().unwrap_or(limit);
        let p90 = p90.max(p50);
        let p99 = highest.max(p50);
        let risen = p99.saturating_add(limit.permille(RISE_MARGIN_PERMILLE));
        let peak = if self.held.reading().is_some() { risen } else { risen.max(limit) };
        RackForecast {
            p50: p50.min(most),
            p90: p90.min(most),
            p99: p99.min(most),
            // What it has seen for a while makes it act; the highest, and what that may have risen to, is covered.
            peak_p50: p90.min(most),
            peak_p99: peak.min(most),
            horizon: HORIZON,
            source,
        }
    }
}

/// The most that any forecast says of a rack with this limit.
pub fn most(limit: Watts) -> Watts {
    Watts::new(limit.or_zero().get().saturating_mul(LIMITS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(readings: &[i64], limit: i64) -> RackForecast {
        let mut rule = RuleForecast::new(RuleReason::NoModel);
        let mut out = Vec::new();
        for watts in readings {
            let power = (*watts >= 0).then(|| Watts::new(*watts));
            rule.step(&[Sample { power, limit: Watts::new(limit) }], Keep::Committed, &mut out);
        }
        out[0]
    }

    #[track_caller]
    fn check(readings: &[i64], expected: [i64; 4]) {
        let got = run(readings, 1_000);
        assert_eq!([got.p50.get(), got.p90.get(), got.p99.get(), got.peak_p99.get()], expected);
    }

    #[test]
    fn peak_is_the_windows_maximum_and_a_tenth_of_the_limit() {
        check(&[500; 20], [500, 500, 500, 600]);
        check(&[[800].as_slice(), &[500; 20]].concat(), [500, 500, 800, 900]);
        check(&[[500; 20].as_slice(), &[900]].concat(), [900, 900, 900, 1_000]);
    }

    #[test]
    fn an_unknown_rack_peaks_at_its_limit() {
        check(&[-1], [1_000, 1_000, 1_000, 1_100]);
        // Telemetry lost for longer than it may be held, after a known minute.
        check(&[[400; 60].as_slice(), &[-1; 4]].concat(), [1_000, 1_000, 1_000, 1_100]);
    }

    /// Were it taken for its limit instead, every rack of a site would ask for help whenever a cluster starts.
    #[test]
    fn a_rack_seen_once_is_taken_at_its_word() {
        check(&[400], [400, 400, 400, 500]);
    }

    #[test]
    fn nothing_exceeds_three_limits() {
        check(&[i64::MAX], [3_000, 3_000, 3_000, 3_000]);
        assert_eq!(run(&[5], -7).peak_p99, Watts::ZERO);
    }

    #[test]
    fn a_provisional_call_keeps_no_history() {
        let mut rule = RuleForecast::new(RuleReason::Late);
        let mut out = Vec::new();
        let limit = Watts::new(1_000);
        for _ in 0..20 {
            rule.step(&[Sample { power: Some(Watts::new(100)), limit }], Keep::Committed, &mut out);
        }
        rule.step(&[Sample { power: Some(Watts::new(950)), limit }], Keep::Provisional, &mut out);
        assert_eq!(out[0].peak_p99, Watts::new(1_050));
        rule.step(&[Sample { power: Some(Watts::new(100)), limit }], Keep::Provisional, &mut out);
        assert_eq!(out[0].peak_p99, Watts::new(200));
        assert_eq!(out[0].source, ForecastSource::Rule(RuleReason::Late));
    }
}
