//! The public engine: the model where its answer passes, the rule where it does not.

use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::units::Watts;

use crate::forecast::{Forecast, HORIZON, Keep, Sample};
use crate::onnx::{Answer, OnnxForecast, RunError, Said};
use crate::rule::{RuleForecast, most};

/// Committed seconds that a rack must have been seen for before the model speaks of it. Its bound on a steady rack is
/// 120 % too high after 5 s, 20 % after 30 s and 3 % after a minute: earlier, the rule is the better forecast.
const WARM_S_MIN: u16 = 30;

/// The model's input range; what a rack draws beyond is absurd, and the rule covers it.
const POWER_MAX: f32 = 3.0;

/// Forecasts all racks with the model, and each rack by the rule where the model's answer fails a check.
///
/// Of each rack: its telemetry is at most 3 s old, it was seen for 30 s, its power is at most three limits, and the
/// model's answer is finite, rises from P50 to the peak and lies within 0 to three limits. A rack whose answer is not
/// finite starts cold. Every forecast is in whole watts, P90, P99 and the peak rounded up.
#[derive(Debug)]
pub struct Guarded {
    model: Option<OnnxForecast>,
    rule: RuleForecast,
    /// What each rack's power is divided by: its limit when it was first seen. It stays while the limit moves a
    /// little, since a jump of the quotient would look like a jump of the power.
    references: Vec<Watts>,
    power: Vec<f32>,
    answer: Answer,
    last_failure: Option<RunError>,
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
            last_failure: None,
        }
    }

    /// Why the model could not be run at the last step, if so.
    pub fn last_failure(&self) -> Option<&RunError> {
        self.last_failure.as_ref()
    }

    fn ask(&mut self, samples: &[Sample], keep: Keep) -> Result<Option<[u8; 8]>, RunError> {
        let Some(model) = self.model.as_mut() else { return Ok(None) };
        if self.references.len() != samples.len() {
            self.references.clear();
            self.references.resize(samples.len(), Watts::ZERO);
        }
        self.power.clear();
        for (index, (sample, reference)) in samples.iter().zip(&mut self.references).enumerate() {
            let reading = self.rule.held(index).reading();
            if reading.is_none() || strayed(*reference, sample.limit) {
                *reference = sample.limit;
                model.reset(index);
            }
            self.power.push(reading.map_or(0.0, |watts| ratio(watts, *reference)));
        }
        model.run(&self.power, keep, &mut self.answer)?;
        Ok(Some(model.hash8()))
    }

    /// The model's forecast of one rack, or why it may not speak.
    fn judge(&mut self, rack: usize, limit: Watts, hash8: [u8; 8]) -> Result<RackForecast, RuleReason> {
        let (held, reference) = (self.rule.held(rack), self.references[rack]);
        let Some(reading) = held.reading() else {
            self.reset(rack);
            return Err(RuleReason::ColdStart);
        };
        let said = self.answer.rack(rack).ok_or(RuleReason::RuntimeFailed)?;
        if !said.is_finite() {
            self.reset(rack);
            return Err(RuleReason::NotFinite);
        }
        if held.seen_s() < WARM_S_MIN {
            return Err(RuleReason::ColdStart);
        }
        let absurd = limit <= Watts::ZERO || reading > most(limit) || self.power[rack] >= POWER_MAX;
        if absurd || !said.rises() {
            return Err(RuleReason::OutOfRange);
        }
        in_watts(said, reference, limit, ForecastSource::Model { hash8 }).ok_or(RuleReason::OutOfRange)
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
                Ok(Some(hash8)) => self.judge(rack, sample.limit, *hash8),
                Ok(None) => Err(RuleReason::NoModel),
                Err(_) => Err(RuleReason::RuntimeFailed),
            };
            out.push(judged.unwrap_or_else(|reason| self.rule.rack(rack, sample.limit, reason)));
        }
        self.last_failure = asked.err();
    }
}

/// Whether the limit has left the range in which the reference still fits, or there is none yet.
fn strayed(reference: Watts, limit: Watts) -> bool {
    let (reference, limit) = (reference.get(), limit.get());
    limit > reference.saturating_mul(2) || limit < reference / 2
}

/// Power as a part of the reference, at most [`POWER_MAX`]; 0 where there is no reference to divide by.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the model's inputs are f32")]
fn ratio(power: Watts, reference: Watts) -> f32 {
    if reference > Watts::ZERO {
        ((power.get() as f64 / reference.get() as f64) as f32).clamp(0.0, POWER_MAX)
    } else {
        0.0
    }
}

/// The finite answer in watts, or `None` when its peak lies above three limits.
fn in_watts(said: Said, reference: Watts, limit: Watts, source: ForecastSource) -> Option<RackForecast> {
    let [p50, p90, p99, peak_p99] = [said.p50, said.p90, said.p99, said.peak_p99].map(|part| up(part, reference));
    let fits = peak_p99 <= most(limit);
    fits.then_some(RackForecast { p50, p90, p99, peak_p99, horizon: HORIZON, source })
}

/// A finite part of the reference in whole watts, rounded towards more.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the cast saturates, which is checked")]
fn up(part: f32, reference: Watts) -> Watts {
    Watts::new((f64::from(part) * reference.get() as f64).ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(parts: [f32; 4]) -> Said {
        Said { p50: parts[0], p90: parts[1], p99: parts[2], peak_p99: parts[3] }
    }

    #[test]
    fn watts_are_rounded_up_and_bounded() {
        let source = ForecastSource::Rule(RuleReason::NoModel);
        let (reference, limit) = (Watts::new(999), Watts::new(1_000));
        let forecast = in_watts(said([0.5, 0.5, 0.5, 3.0]), reference, limit, source).expect("within three limits");
        assert_eq!([forecast.p50.get(), forecast.p99.get(), forecast.peak_p99.get()], [500, 500, 2_997]);
        assert_eq!(in_watts(said([0.5, 0.5, 0.5, 3.1]), reference, limit, source), None);
        assert_eq!(in_watts(said([0.5, 0.5, 0.5, f32::MAX]), reference, limit, source), None);
    }

    #[test]
    fn crossed_negative_and_broken_answers_do_not_pass() {
        assert!(said([0.1, 0.2, 0.3, 0.4]).rises());
        for parts in [[0.2, 0.1, 0.3, 0.4], [0.1, 0.3, 0.2, 0.4], [0.1, 0.2, 0.4, 0.3], [-0.1, 0.2, 0.3, 0.4]] {
            assert!(!said(parts).rises());
        }
        assert!(!said([f32::NAN; 4]).is_finite() && !said([0.1, 0.2, 0.3, f32::INFINITY]).is_finite());
    }

    #[test]
    fn a_limit_that_moves_a_little_keeps_its_reference() {
        let watts = Watts::new;
        assert!(
            strayed(watts(0), watts(1)) && strayed(watts(1_000), watts(2_001)) && strayed(watts(1_000), watts(499))
        );
        assert!(!strayed(watts(1_000), watts(2_000)) && !strayed(watts(1_000), watts(500)));
    }
}
