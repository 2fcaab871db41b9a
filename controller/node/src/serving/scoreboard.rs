//! How good what decides and what is in shadow are, on the same seconds and the same racks. In integers, for people: no
//! decision looks at it.

use std::collections::VecDeque;

use ridethrough_core::forecast::{ForecastSource, RackForecast};
use ridethrough_core::model::ModelId;
use ridethrough_core::units::Watts;
use ridethrough_model::{HORIZON, Sample};

/// Seconds from a forecast to what it is judged by.
const HORIZON_S: usize = 30;
const _: () = assert!(HORIZON.get() == 30_000);

/// What has been seen of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Forecasts that were judged, of single racks and rows.
    pub judged: u64,
    /// The pinball losses of P50, P90 and P99 together, in millionths of the limit, summed.
    pub pinball_ppm: u64,
    /// Forecasts whose bound on the peak held.
    pub covered: u64,
}

impl Score {
    /// The mean pinball loss in millionths of the limit.
    pub const fn mean_pinball_ppm(&self) -> u64 {
        match self.pinball_ppm.checked_div(self.judged) {
            Some(mean) => mean,
            None => 0,
        }
    }

    /// Thousandths of the bounds that held.
    pub const fn covered_permille(&self) -> u64 {
        match self.covered.saturating_mul(1_000).checked_div(self.judged) {
            Some(permille) => permille,
            None => 0,
        }
    }

    fn judge(&mut self, forecast: &RackForecast, load: Watts, peak: Watts, limit: Watts) {
        let quantiles = [(forecast.p50, 500), (forecast.p90, 900), (forecast.p99, 990)];
        let loss = |(said, permille): (Watts, i64)| {
            let over = load.get().saturating_sub(said.get());
            // Thousandths of a watt; what was said too low weighs by the quantile, what was said too high by the rest.
            if over > 0 {
                over.saturating_mul(permille)
            } else {
                over.saturating_neg().saturating_mul(1_000 - permille)
            }
        };
        let thousandths: i64 = quantiles.map(loss).iter().fold(0, |sum, one| sum.saturating_add(*one));
        let ppm = thousandths.saturating_mul(1_000) / limit.get().max(1);
        self.judged += 1;
        self.pinball_ppm = self.pinball_ppm.saturating_add(ppm.unsigned_abs());
        self.covered += u64::from(peak <= forecast.peak_p99);
    }
}

/// The last half minute of both, and their scores since the shadow was put there.
#[derive(Clone, Debug, Default)]
pub struct Scoreboard {
    of: [Option<ModelId>; 2],
    loads: VecDeque<Vec<Option<Watts>>>,
    /// What was said in each of those seconds, by what decides and by what is in shadow.
    said: VecDeque<[Vec<RackForecast>; 2]>,
    scores: [Score; 2],
}

impl Scoreboard {
    /// Takes in a second: whose forecasts these are, what there was, and what is said. Begins anew with other models.
    pub fn second(&mut self, of: [Option<ModelId>; 2], samples: &[Sample], said: [Option<&[RackForecast]>; 2]) {
        if of != self.of {
            *self = Self { of, ..Self::default() };
        }
        let [Some(decided), Some(tried)] = said else { return };
        self.loads.push_back(samples.iter().map(|sample| sample.power).collect());
        if self.said.len() >= HORIZON_S {
            if let Some(then) = self.said.pop_front() {
                self.judge(samples, &then);
            }
            self.loads.pop_front();
        }
        self.said.push_back([decided.to_vec(), tried.to_vec()]);
    }

    /// The scores of what decides and of what is in shadow.
    pub const fn scores(&self) -> [Score; 2] {
        self.scores
    }

    /// Only racks of which both models spoke, and whose load was known all along.
    fn judge(&mut self, samples: &[Sample], then: &[Vec<RackForecast>; 2]) {
        for (rack, sample) in samples.iter().enumerate() {
            let known: Option<Vec<Watts>> = self.loads.iter().map(|loads| loads.get(rack).copied().flatten()).collect();
            let (Some(load), Some(peak)) = (sample.power, known.and_then(|loads| loads.into_iter().max())) else {
                continue;
            };
            let by_model = |said: &Vec<RackForecast>| {
                said.get(rack).copied().filter(|one| matches!(one.source, ForecastSource::Model { .. }))
            };
            let [Some(decided), Some(tried)] = [by_model(&then[0]), by_model(&then[1])] else { continue };
            self.scores[0].judge(&decided, load, peak, sample.limit);
            self.scores[1].judge(&tried, load, peak, sample.limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(p50: i64, peak: i64) -> Vec<RackForecast> {
        let [p50, peak_p99] = [p50, peak].map(Watts::new);
        let source = ForecastSource::Model { hash8: [1; 8] };
        vec![RackForecast { p50, p90: p50, p99: p50, peak_p50: p50, peak_p99, horizon: HORIZON, source }]
    }

    fn id(version: u64) -> ModelId {
        ModelId { sha256: [1; 32], version }
    }

    #[test]
    fn forecasts_are_judged_by_what_came_half_a_minute_later() {
        let mut board = Scoreboard::default();
        let sample = [Sample { power: Some(Watts::new(500)), limit: Watts::new(1_000) }];
        let (good, bad) = (said(500, 500), said(400, 450));
        for second in 0..HORIZON_S + 10 {
            assert_eq!(board.scores()[0].judged, (second.saturating_sub(HORIZON_S)) as u64);
            board.second([Some(id(1)), Some(id(2))], &sample, [Some(&good), Some(&bad)]);
        }
        let [decides, shadow] = board.scores();
        assert_eq!((decides.mean_pinball_ppm(), decides.covered_permille()), (0, 1_000));
        // 100 W too low of 1000: 0.05 + 0.09 + 0.099 of the limit.
        assert_eq!((shadow.mean_pinball_ppm(), shadow.covered_permille()), (239_000, 0));
        board.second([Some(id(1)), Some(id(3))], &sample, [Some(&good), Some(&bad)]);
        assert_eq!(board.scores(), [Score::default(); 2], "another shadow begins anew");
    }
}
