//! The public engine: the model where its answer passes, the rule where it does not.

mod stepping;

use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::units::Watts;

use crate::calibration::{At, Calibration, Doubt};
use crate::explain::{self, Explanation};
use crate::forecast::{Forecast, HORIZON, Keep, Sample};
use crate::onnx::{Answer, Asked, OnnxForecast, RunError, are_finite};
use crate::parts::{PARTS_MAX, up};
use crate::rule::{RuleForecast, most};
use crate::servers::ServerForecasts;
use crate::spoken::Spoken;
use crate::turns::Turns;

/// Committed seconds that a rack must have been seen for before the model speaks of it. Its bound on a steady rack is
/// 120 % too high after 5 s, 20 % after 30 s and 3 % after a minute: earlier, the rule is the better forecast.
const WARM_S_MIN: u16 = 30;

/// Nothing was said.
const UNSAID: At = At { value: [f32::NAN; 3], peak: [f32::NAN; 3] };

/// A rack's demand at one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HorizonForecast {
    /// Samples ahead.
    pub samples: usize,
    /// Median.
    pub p50: Watts,
    /// 90th percentile.
    pub p90: Watts,
    /// 99th percentile.
    pub p99: Watts,
    /// Median of the maximum until then.
    pub peak_p50: Watts,
    /// Its 90th percentile.
    pub peak_p90: Watts,
    /// Its 99th percentile.
    pub peak_p99: Watts,
}

/// Forecasts all racks with the model, and each rack by the rule where the model's answer fails a check.
///
/// Of each rack: its telemetry is at most 3 s old, it was seen for 30 s, its power is at most three limits, its meter is
/// not frozen, the model's answer is finite, rises from P50 to the peak and lies within 0 to three limits, and P99 was
/// not missed more often of late than chance allows. A rack whose answer is not finite starts cold. What passes is
/// adjusted by what the rack's forecasts were worth so far. Every forecast is in whole watts,
/// P90, P99 and the peak rounded up.
///
/// A site of more than 1,536 racks and rows is not stepped whole in every call (see `turns`). What is then said of a rack is
/// at most two seconds of calls old, is checked anew in every call, and its peak is no lower than what is drawn now; of a rack
/// that draws more than its last answer foresaw, and that was not among the 512 that were stepped for having moved, the rule
/// speaks ([`RuleReason::Late`]).
#[derive(Debug)]
pub struct Guarded {
    model: Option<OnnxForecast>,
    rule: RuleForecast,
    /// What each rack's power is divided by: its limit when it was first seen. It stays while the limit moves a
    /// little, since a jump of the quotient would look like a jump of the power.
    references: Vec<Watts>,
    power: Vec<f32>,
    answer: Answer,
    /// What each rack's forecasts were worth.
    calibrations: Vec<Calibration>,
    /// What was last said of each rack at each horizon, adjusted; NaN where nothing was.
    said: Vec<At>,
    spoken: Vec<Spoken>,
    turns: Turns,
    asked: Vec<Asked>,
    last_failure: Option<RunError>,
}

/// What answered: the model's name, how many horizons it has, and the place of the one that the engine answers for.
#[derive(Clone, Copy)]
struct By {
    hash8: [u8; 8],
    horizons: usize,
    answered: usize,
}

impl Guarded {
    /// An engine over `model`; without one every forecast is the rule's, for [`RuleReason::NoModel`].
    pub fn new(model: Option<OnnxForecast>) -> Self {
        Self {
            model,
            rule: RuleForecast::new(RuleReason::NoModel),
            references: Vec::new(),
            power: Vec::new(),
            answer: Answer::default(),
            calibrations: Vec::new(),
            said: Vec::new(),
            spoken: Vec::new(),
            turns: Turns::default(),
            asked: Vec::new(),
            last_failure: None,
        }
    }

    /// Cold forecasts of servers with these ratings, by the same model; none where there is none, or it cannot.
    pub fn servers(&self, rated: impl Iterator<Item = Watts>) -> Option<ServerForecasts> {
        self.model.as_ref()?.servers(rated)
    }

    /// Why the model could not be run at the last step, if so.
    pub fn last_failure(&self) -> Option<&RunError> {
        self.last_failure.as_ref()
    }

    /// What the model last said of a rack at each of its horizons, shortest first; none where it has said nothing since the
    /// rack was last unknown, or its answer was no forecast. While the rule speaks for the rack, this is what it overruled.
    pub fn horizons(&self, rack: usize) -> impl Iterator<Item = HorizonForecast> + '_ {
        let samples = self.model.as_ref().map_or(&[][..], |model| model.horizons().0);
        let said = samples.len() * rack..samples.len() * (rack + 1);
        let reference = self.references.get(rack).copied().unwrap_or_default();
        let said = self.said.get(said).unwrap_or_default();
        samples.iter().zip(said).filter(|(_, at)| are_finite(std::slice::from_ref(at))).map(move |(samples, at)| {
            let [p50, p90, p99] = at.value.map(|part| up(part, reference));
            let [peak_p50, peak_p90, peak_p99] = at.peak.map(|part| up(part, reference));
            HorizonForecast { samples: *samples, p50, p90, p99, peak_p50, peak_p90, peak_p99 }
        })
    }

    /// What drives the model's forecast of a rack at its present power, wherever its last answer was given; none where the model says nothing of it.
    pub fn explain(&mut self, rack: usize) -> Option<Explanation> {
        let model = self.model.as_mut()?;
        let answered = model.horizons().1;
        let (x, reference) = (*self.power.get(rack)?, *self.references.get(rack)?);
        let (mut said, values) = model.taken_apart(rack, x).filter(|(said, _)| are_finite(said))?;
        self.calibrations.get_mut(rack)?.adjust(x, false, &mut said);
        let [peak_p50, _, peak_p99] = said[answered].peak;
        Some(explain::explained(&values, [peak_p50, peak_p99], x, reference))
    }

    /// The model's forecast of one rack, or why it may not speak.
    fn judge(&self, rack: usize, limit: Watts, by: By) -> Result<RackForecast, RuleReason> {
        let (held, reference, spoken) = (self.rule.held(rack), self.references[rack], self.spoken[rack]);
        let said = &self.said[rack * by.horizons..(rack + 1) * by.horizons];
        let (Some(reading), Some(age)) = (held.reading(), spoken.age()) else { return Err(RuleReason::ColdStart) };
        if !are_finite(said) {
            return Err(RuleReason::NotFinite);
        }
        if held.seen_s() < WARM_S_MIN {
            return Err(RuleReason::ColdStart);
        }
        let overtaken = age > 0 && spoken.moved(self.power[rack], said.first()).is_some_and(|moved| moved.unforeseen);
        if overtaken || age > self.turns.age_max() {
            return Err(RuleReason::Late);
        }
        let absurd = limit <= Watts::ZERO || reading > most(limit) || self.power[rack] >= PARTS_MAX;
        if absurd || !spoken.is_in_range(reference, most(limit)) {
            return Err(RuleReason::OutOfRange);
        }
        match self.calibrations[rack].doubt() {
            Some(Doubt::Drift) => return Err(RuleReason::Drift),
            Some(Doubt::Frozen) => return Err(RuleReason::FrozenMeter),
            None => {}
        }
        let forecast = in_watts(said[by.answered], reference, limit, ForecastSource::Model { hash8: by.hash8 });
        Ok(if age > 0 { reaching(forecast, reading) } else { forecast })
    }

    fn reset(&mut self, rack: usize) {
        if let Some(model) = self.model.as_mut() {
            model.reset(rack);
        }
    }
}

impl Forecast for Guarded {
    fn step(&mut self, samples: &[Sample], keep: Keep, out: &mut Vec<RackForecast>) {
        self.rule.observe(samples, keep);
        let asked = self.ask(samples, keep);
        out.clear();
        for (rack, sample) in samples.iter().enumerate() {
            let judged = match &asked {
                Ok(Some(by)) => self.judge(rack, sample.limit, *by),
                Ok(None) => Err(RuleReason::NoModel),
                Err(_) => Err(RuleReason::RuntimeFailed),
            };
            out.push(judged.unwrap_or_else(|reason| self.rule.rack(rack, sample.limit, reason)));
        }
        self.last_failure = asked.err();
    }
}

/// An older forecast, whose maximum holds what is drawn now.
fn reaching(forecast: RackForecast, reading: Watts) -> RackForecast {
    let (peak_p50, peak_p99) = (forecast.peak_p50.max(reading), forecast.peak_p99.max(reading));
    RackForecast { peak_p50, peak_p99, ..forecast }
}

/// The finite answer in watts; what was widened beyond three limits is cut there.
fn in_watts(said: At, reference: Watts, limit: Watts, source: ForecastSource) -> RackForecast {
    let most = most(limit);
    let [p50, p90, p99] = said.value.map(|part| up(part, reference).min(most));
    let [peak_p50, _, peak_p99] = said.peak.map(|part| up(part, reference).min(most));
    RackForecast { p50, p90, p99, peak_p50, peak_p99, horizon: HORIZON, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said([p50, p90, p99, peak_p99]: [f32; 4]) -> At {
        At { value: [p50, p90, p99], peak: [p50, p90, peak_p99] }
    }

    #[test]
    fn watts_are_rounded_up_and_bounded() {
        let source = ForecastSource::Rule(RuleReason::NoModel);
        let (reference, limit) = (Watts::new(999), Watts::new(1_000));
        let forecast = in_watts(said([0.5, 0.5, 0.5, 3.0]), reference, limit, source);
        assert_eq!([forecast.p50.get(), forecast.p99.get(), forecast.peak_p99.get()], [500, 500, 2_997]);
        for peak in [3.1, f32::MAX] {
            assert_eq!(in_watts(said([0.5, 0.5, 0.5, peak]), reference, limit, source).peak_p99, Watts::new(3_000));
        }
    }

    #[test]
    fn crossed_negative_and_broken_answers_do_not_pass() {
        use crate::onnx::rise;
        assert!(rise(&[said([0.1, 0.2, 0.3, 0.4])]));
        for parts in [[0.2, 0.1, 0.3, 0.4], [0.1, 0.3, 0.2, 0.4], [0.1, 0.2, 0.4, 0.3], [-0.1, 0.2, 0.3, 0.4]] {
            assert!(!rise(&[said(parts)]));
        }
        assert!(!are_finite(&[said([f32::NAN; 4])]) && !are_finite(&[said([0.1, 0.2, 0.3, f32::INFINITY])]));
    }
}
