//! What a rack's forecasts were worth, learned while it runs: how far to trust the median, how wide the upper quantiles
//! must be, and whether the model has lost touch.
//!
//! Each committed sample settles the forecasts that were made for it. From that follow, per horizon,
//! - the median's share: model and persistence are mixed by how well each did of late, so that a model that knows
//!   nothing of this rack does no harm;
//! - the factors on the distances from the median to P90, P99 and the bound (adaptive conformal inference, Gibbs and
//!   Candès 2021: a miss widens, a hit narrows, so that the share of misses tends to the stated one);
//! - drift: more misses of P99 in the last minute than chance allows.

/// Samples for which misses are counted.
const DRIFT_WINDOW: u32 = 60;
/// Misses among them that are drift; 0.6 are expected, and five in a row follow from one step that nobody foresaw.
const DRIFT_MISSES: u32 = 12;
/// Misses at which drift is over.
const DRIFT_OVER: u32 = 2;
/// Errors are averaged over about so many samples.
const ERROR_SPAN: f32 = 240.0;
/// Stated shares of misses of P90, P99 and the bound.
const MISSES: [f32; 3] = [0.1, 0.01, 0.01];
/// How fast the factors move at the shortest horizon: by so much in the logarithm for each miss.
const RATES: [f32; 3] = [0.03, 0.10, 0.10];
/// Misses at a long horizon come in rows, so each counts for less.
const RATE_HORIZON: f32 = 20.0;
/// Factors stay within e to the power of these.
const LOG_FACTOR: std::ops::RangeInclusive<f32> = -1.0..=3.5;
/// Readings that are the same to the watt for so long are a frozen meter, if this rack's readings used to move.
const FROZEN_SAMPLES: u16 = 90;
/// A rack moves, if its mean change from sample to sample is above this part of its power.
const MOVES: f32 = 0.002;
/// Values kept of each forecast until it is settled: model's median, issued median, P90, P99, bound.
const KEPT: usize = 5;

/// The forecast of one rack at one horizon, in parts of the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct At {
    /// Median.
    pub p50: f32,
    /// 90th percentile.
    pub p90: f32,
    /// 99th percentile.
    pub p99: f32,
    /// 99th percentile of the maximum until then; of the value where the model has no bound.
    pub bound: f32,
}

/// What was learned of one rack.
#[derive(Clone, Debug)]
pub struct Calibration {
    horizons: Vec<Horizon>,
    /// Newest samples, a ring.
    samples: Vec<f32>,
    count: usize,
    same: u16,
    moved: f32,
    drifting: bool,
    misses: u64,
}

#[derive(Clone, Debug)]
struct Horizon {
    samples: usize,
    /// Forecasts that wait for their truth, a ring as long as the horizon.
    pending: Vec<[f32; KEPT]>,
    /// Logarithms of the factors on the distances to P90, P99 and the bound.
    log_factors: [f32; 3],
    /// Mean errors of the model's median and of persistence.
    errors: [f32; 2],
    settled: u32,
}

/// Why the model should not be believed for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Too many misses of late.
    Drift,
    /// The meter shows the same number over and over.
    Frozen,
}

impl Calibration {
    /// Nothing learned yet, for these horizons in samples, rising.
    pub fn new(horizons: &[usize]) -> Self {
        let longest = horizons.last().copied().unwrap_or(1);
        let horizon = |samples: &usize| Horizon {
            samples: *samples,
            pending: vec![[0.0; KEPT]; *samples],
            log_factors: [0.0; 3],
            errors: [0.0; 2],
            settled: 0,
        };
        Self {
            horizons: horizons.iter().map(horizon).collect(),
            samples: vec![0.0; longest + 1],
            count: 0,
            same: 0,
            moved: 0.0,
            drifting: false,
            misses: 0,
        }
    }

    /// Forgets all that was learned, in the room that there is: a rack that is not heard is forgotten at every call.
    pub fn forget(&mut self) {
        for horizon in &mut self.horizons {
            (horizon.log_factors, horizon.errors, horizon.settled) = ([0.0; 3], [0.0; 2], 0);
        }
        // Samples and forecasts that wait are looked at only once as many as a horizon have been counted.
        (self.count, self.same, self.moved, self.drifting, self.misses) = (0, 0, 0.0, false, 0);
    }

    /// Takes a committed sample: settles what was said of it.
    pub fn observe(&mut self, x: f32) {
        if !x.is_finite() {
            return;
        }
        if self.count > 0 {
            let change = (x - self.sample(1)).abs();
            self.same = if change == 0.0 { self.same.saturating_add(1) } else { 0 };
            if change > 0.0 {
                self.moved += (change / x.max(1e-3) - self.moved) / ERROR_SPAN;
            }
        }
        let length = self.samples.len();
        self.samples[self.count % length] = x;
        let mut missed = false;
        for (index, horizon) in self.horizons.iter_mut().enumerate() {
            if self.count < horizon.samples {
                continue;
            }
            let before = self.samples[(self.count + length - horizon.samples) % length];
            let highest = (0..horizon.samples).map(|back| self.samples[(self.count + length - back) % length]);
            let highest = highest.fold(f32::MIN, f32::max);
            let miss = horizon.settle(self.count, x, before, highest);
            missed |= miss && index <= 1;
        }
        self.count += 1;
        self.watch(missed);
    }

    fn watch(&mut self, missed: bool) {
        self.misses = (self.misses << 1 | u64::from(missed)) & ((1 << DRIFT_WINDOW) - 1);
        let recent = self.misses.count_ones();
        self.drifting = recent >= DRIFT_MISSES || (self.drifting && recent > DRIFT_OVER);
    }

    /// The sample so many committed samples before the next one.
    fn sample(&self, back: usize) -> f32 {
        let length = self.samples.len();
        self.samples[(self.count + length - back) % length]
    }

    /// Why the model should not be believed, if so.
    pub fn doubt(&self) -> Option<Doubt> {
        if self.drifting {
            Some(Doubt::Drift)
        } else {
            (self.same >= FROZEN_SAMPLES && self.moved > MOVES).then_some(Doubt::Frozen)
        }
    }

    /// What the model's forecasts (one for each horizon) become, `x` being the present sample. With `keep` they are kept
    /// until they can be settled; the sample must have been observed.
    pub fn adjust(&mut self, x: f32, keep: bool, said: &mut [At]) {
        let mut above = f32::MIN;
        for (horizon, at) in self.horizons.iter_mut().zip(said) {
            let raw = at.p50;
            *at = horizon.adjusted(x, *at);
            at.bound = at.bound.max(above);
            above = at.bound;
            if keep {
                // The sample was counted already: what is said now is settled after so many more.
                let slot = (self.count - 1) % horizon.samples;
                horizon.pending[slot] = [raw, at.p50, at.p90, at.p99, at.bound];
            }
        }
    }
}

impl Horizon {
    /// Compares what was said with what came; says whether P99 was missed.
    fn settle(&mut self, count: usize, x: f32, before: f32, highest: f32) -> bool {
        let [raw, _, p90, p99, bound] = self.pending[count % self.samples];
        self.settled = self.settled.saturating_add(1);
        #[allow(clippy::cast_precision_loss, reason = "small counts")]
        let (share, slower) =
            (1.0 / ERROR_SPAN.min(self.settled as f32), 1.0 / (1.0 + self.samples as f32 / RATE_HORIZON));
        for (mean, error) in self.errors.iter_mut().zip([(x - raw).abs(), (x - before).abs()]) {
            *mean += (error - *mean) * share;
        }
        let missed = [x > p90, x > p99, highest > bound];
        for ((log, missed), (share, rate)) in self.log_factors.iter_mut().zip(missed).zip(MISSES.iter().zip(RATES)) {
            let moved = *log + rate * slower * (f32::from(u8::from(missed)) - share);
            *log = moved.clamp(*LOG_FACTOR.start(), *LOG_FACTOR.end());
        }
        missed[1]
    }

    fn adjusted(&self, x: f32, said: At) -> At {
        let [model, persistence] = self.errors.map(|error| error.powi(4) + 1e-24);
        let share = if self.settled == 0 { 1.0 } else { persistence / (model + persistence) };
        let p50 = (x + share * (said.p50 - x)).max(0.0);
        let away = |value: f32, log: f32| p50 + (value - said.p50) * log.exp();
        let p90 = away(said.p90, self.log_factors[0]);
        let p99 = away(said.p99, self.log_factors[1]).max(p90);
        At { p50, p90, p99, bound: away(said.bound, self.log_factors[2]).max(p99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HORIZONS: [usize; 3] = [1, 5, 10];

    /// A made-up rack: 0.5 and, every seventh second, 0.6.
    fn power(second: usize) -> f32 {
        if second.is_multiple_of(7) { 0.6 } else { 0.5 }
    }

    fn run(
        calibration: &mut Calibration,
        seconds: usize,
        said: impl Fn(f32) -> At,
        power: impl Fn(usize) -> f32,
    ) -> [f32; 2] {
        let (mut misses, mut settled, mut pending) = ([0.0; 2], 0.0, Vec::<At>::new());
        for second in 0..seconds {
            let x = power(second);
            if second > seconds / 2 {
                let before = pending[second - 1];
                misses[0] += f32::from(u8::from(x > before.p90));
                misses[1] += f32::from(u8::from(x > before.p99));
                settled += 1.0;
            }
            calibration.observe(x);
            let mut all = [said(x); 3];
            calibration.adjust(x, true, &mut all);
            pending.push(all[0]);
        }
        misses.map(|misses| misses / settled)
    }

    #[test]
    fn widths_settle_where_the_stated_share_is_missed() {
        let mut calibration = Calibration::new(&HORIZONS);
        let narrow = |_| At { p50: 0.5, p90: 0.51, p99: 0.52, bound: 0.52 };
        let [_, p99] = run(&mut calibration, 4_000, narrow, power);
        assert!((0.002..=0.02).contains(&p99), "P99 was missed in {p99}");
    }

    #[test]
    fn a_useless_median_gives_way_to_persistence() {
        let mut calibration = Calibration::new(&HORIZONS);
        let useless = |x| At { p50: x + 0.3, p90: x + 0.4, p99: x + 0.5, bound: x + 0.6 };
        run(&mut calibration, 500, useless, |_| 0.5);
        let mut all = [useless(0.5); 3];
        calibration.adjust(0.5, false, &mut all);
        assert!(all.iter().all(|at| (at.p50 - 0.5).abs() < 0.01), "{all:?}");
        assert!(all.iter().all(|at| at.p50 <= at.p90 && at.p90 <= at.p99 && at.p99 <= at.bound));
    }

    #[test]
    fn drift_is_told_within_a_minute_and_taken_back() {
        let mut calibration = Calibration::new(&HORIZONS);
        let steady = |_| At { p50: 0.5, p90: 0.51, p99: 0.52, bound: 0.53 };
        run(&mut calibration, 300, steady, |_| 0.5);
        assert_eq!(calibration.doubt(), None);
        // Power climbs faster than the widths can follow.
        run(&mut calibration, 60, steady, |second| 0.6 + 0.05 * f32::from(u16::try_from(second).unwrap_or(0)));
        assert_eq!(calibration.doubt(), Some(Doubt::Drift));
        run(&mut calibration, 120, steady, |second| if second.is_multiple_of(2) { 0.5 } else { 0.501 });
        assert_eq!(calibration.doubt(), None);
    }

    #[test]
    fn a_frozen_meter_is_told_unless_the_rack_never_moves() {
        let said = |x| At { p50: x, p90: x + 0.2, p99: x + 0.3, bound: x + 0.4 };
        let mut moving = Calibration::new(&HORIZONS);
        run(&mut moving, 300, said, power);
        run(&mut moving, 100, said, |_| 0.5);
        assert_eq!(moving.doubt(), Some(Doubt::Frozen));
        let mut still = Calibration::new(&HORIZONS);
        run(&mut still, 400, said, |_| 0.5);
        assert_eq!(still.doubt(), None);
    }

    #[test]
    fn what_is_forgotten_leaves_no_trace() {
        let said = |x| At { p50: x + 0.1, p90: x + 0.11, p99: x + 0.12, bound: x + 0.13 };
        let (mut forgetful, mut fresh) = (Calibration::new(&HORIZONS), Calibration::new(&HORIZONS));
        run(&mut forgetful, 300, said, |second| 0.5 + 0.01 * f32::from(u16::try_from(second).unwrap_or(0)));
        forgetful.forget();
        for second in 0..40 {
            let (mut left, mut right) = ([said(power(second)); 3], [said(power(second)); 3]);
            for (calibration, all) in [(&mut forgetful, &mut left), (&mut fresh, &mut right)] {
                calibration.observe(power(second));
                calibration.adjust(power(second), true, all);
            }
            assert_eq!((left, forgetful.doubt()), (right, fresh.doubt()), "after {second} s");
        }
    }

    #[test]
    fn what_is_not_finite_teaches_nothing() {
        let mut calibration = Calibration::new(&HORIZONS);
        calibration.observe(f32::NAN);
        assert_eq!(calibration.count, 0);
    }
}
