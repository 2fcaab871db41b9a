//! What a rack's forecasts were worth, learned while it runs: how far to trust the median, how wide the upper quantiles
//! must be, and whether the model has lost touch.
//!
//! Each committed sample settles the forecasts that were made for it. From that follow, per horizon,
//! - the median: model and persistence are mixed by how well each did of late (`mixing`), so that a model that knows
//!   nothing of this rack does no harm;
//! - the factors on the distances from the median to P90 and P99, of the value and of the maximum (adaptive conformal
//!   inference, Gibbs and Candès 2021: a miss widens, a hit narrows, so that the share of misses tends to the stated one);
//! - where a factor has had to grow and the model's median has not earned its say, how far P99 reaches up to what the rack
//!   drew of late: a model that knows nothing of a job may say next to no width, and then no factor on it is enough;
//! - drift: more misses of P99 in the last minute than chance allows.

use crate::mixing::{ERROR_SPAN, Mixing};

/// Samples for which misses are counted.
const DRIFT_WINDOW: u32 = 60;
/// Misses among them that are drift; 0.6 are expected, and five in a row follow from one step that nobody foresaw.
const DRIFT_MISSES: u32 = 12;
/// Misses at which drift is over.
const DRIFT_OVER: u32 = 2;
/// Shares of misses of P90 and P99 that are steered for, of the value and of the maximum. What is planned by is P99 of the
/// maximum: it rather covers a little too much.
const MISSES: [[f32; 2]; 2] = [[0.1, 0.01], [0.1, 0.006]];
/// Of a maximum over more samples than these, P99 is steered to fewer: one peak that was not foreseen is missed by each of the
/// forecasts that have it within their span, so that over twice as long misses come twice as many in a row.
const SPAN_MAX: f32 = 30.0;
/// How fast the factors move at the shortest horizon: by so much in the logarithm for each miss.
const RATES: [f32; 2] = [0.03, 0.10];
/// Misses at a long horizon come in rows, so each counts for less.
const RATE_HORIZON: f32 = 20.0;
/// Factors stay within these. A rack that climbs misses many times in a row; without an end a bound would then stand at
/// several limits for minutes, and no recorded trace is covered better for it.
const FACTOR: std::ops::RangeInclusive<f32> = 0.37..=4.0;
/// P99 may reach up to the highest of so many samples: a pause of a job is over by then, and after a job that has ended the bound
/// does not stay up for long.
const RECENT_SAMPLES: usize = 10;
/// The factor at which it reaches all the way there; at 1 it does not.
const REACHES_AT: f32 = 2.0;
/// It does so until the model has three quarters of the say in the median, and no more once it has all of it.
const DOUBTED: f32 = 4.0;
/// Readings that are the same to the watt for so long are a frozen meter, if this rack's readings used to move.
const FROZEN_SAMPLES: u16 = 90;
/// A rack moves, if its mean change from sample to sample is above this part of its power.
const MOVES: f32 = 0.002;
/// Medians that are kept of a forecast until it is settled, besides its four upper quantiles: the model's own.
type Pending = [f32; 5];

/// The forecast of one rack at one horizon, in parts of the reference: P50, P90 and P99 of each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct At {
    /// Of the power at the horizon.
    pub value: [f32; 3],
    /// Of the maximum until then.
    pub peak: [f32; 3],
}

/// What was learned of one rack.
#[derive(Clone, Debug)]
pub struct Calibration {
    horizons: Box<[Horizon]>,
    /// Forecasts that wait for their truth: for each horizon a ring as long as it.
    pending: Box<[Pending]>,
    samples: Recent,
    same: u16,
    moved: f32,
    drifting: bool,
    misses: u64,
}

/// The newest samples. The ring is kept twice, one copy behind the other, so that any span of it lies in one piece.
#[derive(Clone, Debug)]
struct Recent {
    twice: Box<[f32]>,
    count: usize,
}

#[derive(Clone, Debug)]
struct Horizon {
    samples: usize,
    /// Where its ring begins.
    first: usize,
    /// How a hit and a miss move the factors.
    hit: [[f32; 2]; 2],
    miss: [[f32; 2]; 2],
    /// Factors on the distances to P90 and P99, of the value and of the maximum.
    factors: [[f32; 2]; 2],
    /// How far the median is the model's.
    mixing: Mixing,
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
        let firsts = horizons.iter().scan(0, |next, samples| {
            *next += samples;
            Some(*next - samples)
        });
        Self {
            pending: vec![Pending::default(); horizons.iter().sum()].into(),
            horizons: horizons.iter().zip(firsts).map(|(samples, first)| Horizon::new(*samples, first)).collect(),
            samples: Recent { twice: vec![0.0; 2 * (longest + 1)].into(), count: 0 },
            same: 0,
            moved: 0.0,
            drifting: false,
            misses: 0,
        }
    }

    /// Forgets all that was learned, in the room that there is: a rack that is not heard is forgotten at every call.
    pub fn forget(&mut self) {
        for horizon in &mut self.horizons {
            *horizon = Horizon::new(horizon.samples, horizon.first);
        }
        // Samples and forecasts that wait are looked at only once as many as a horizon have been counted.
        (self.samples.count, self.same, self.moved, self.drifting, self.misses) = (0, 0, 0.0, false, 0);
    }

    /// Takes a committed sample: settles what was said of it.
    pub fn observe(&mut self, x: f32) {
        if !x.is_finite() {
            return;
        }
        if self.samples.count > 0 {
            let change = (x - self.samples.before(0)).abs();
            self.same = if change == 0.0 { self.same.saturating_add(1) } else { 0 };
            if change > 0.0 {
                self.moved += (change / x.max(1e-3) - self.moved) / f32::from(ERROR_SPAN);
            }
        }
        self.samples.push(x);
        let (mut missed, mut highest, mut seen) = (false, f32::MIN, 0);
        for (index, horizon) in self.horizons.iter_mut().enumerate() {
            if self.samples.count <= horizon.samples {
                break;
            }
            // Each span holds the shorter ones.
            highest = self.samples.span(seen, horizon.samples).iter().copied().fold(highest, f32::max);
            seen = horizon.samples;
            let pending = self.pending[horizon.first + (self.samples.count - 1) % horizon.samples];
            let miss = horizon.settle(pending, x, self.samples.before(horizon.samples), highest);
            missed |= miss && index <= 1;
        }
        self.watch(missed);
    }

    fn watch(&mut self, missed: bool) {
        self.misses = (self.misses << 1 | u64::from(missed)) & ((1 << DRIFT_WINDOW) - 1);
        let recent = self.misses.count_ones();
        self.drifting = recent >= DRIFT_MISSES || (self.drifting && recent > DRIFT_OVER);
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
        let mut least = [f32::MIN; 3];
        let recent = self.samples.newest(RECENT_SAMPLES).iter().copied().fold(x, f32::max);
        for (horizon, at) in self.horizons.iter().zip(said) {
            let raw = at.value[0];
            *at = horizon.adjusted([x, recent], *at, &mut least);
            if keep {
                // The sample was counted already: what is said now is settled after so many more.
                let slot = horizon.first + (self.samples.count - 1) % horizon.samples;
                let ([_, p90, p99], [_, peak_p90, peak_p99]) = (at.value, at.peak);
                self.pending[slot] = [raw, p90, p99, peak_p90, peak_p99];
            }
        }
    }
}

impl Recent {
    fn push(&mut self, x: f32) {
        let length = self.twice.len() / 2;
        let at = self.count % length;
        (self.twice[at], self.twice[at + length]) = (x, x);
        self.count += 1;
    }

    /// The sample so many before the newest.
    fn before(&self, back: usize) -> f32 {
        self.span(back, back + 1)[0]
    }

    /// The newest so many samples, or as many as there are.
    fn newest(&self, most: usize) -> &[f32] {
        let known = most.min(self.count).min(self.twice.len() / 2);
        if known == 0 { &[] } else { self.span(0, known) }
    }

    /// The samples from `from` to (not including) `to` before the newest.
    fn span(&self, from: usize, to: usize) -> &[f32] {
        let length = self.twice.len() / 2;
        let end = (self.count - 1) % length + length + 1;
        &self.twice[end - to..end - from]
    }
}

impl Horizon {
    fn new(samples: usize, first: usize) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a small count")]
        let span = samples as f32;
        let slower = 1.0 / (1.0 + span / RATE_HORIZON);
        let mut misses = MISSES;
        misses[1][1] *= (SPAN_MAX / span).min(1.0);
        let moved = |missed: f32| {
            misses.map(|shares| [0, 1].map(|level| (RATES[level] * slower * (missed - shares[level])).exp()))
        };
        let (hit, miss) = (moved(0.0), moved(1.0));
        Self { samples, first, hit, miss, factors: [[1.0; 2]; 2], mixing: Mixing::default() }
    }

    /// Compares what was said with what came; says whether P99 was missed.
    fn settle(&mut self, pending: Pending, x: f32, before: f32, highest: f32) -> bool {
        let [raw, p90, p99, peak_p90, peak_p99] = pending;
        self.mixing.settle(x, raw, before);
        let missed = [[x > p90, x > p99], [highest > peak_p90, highest > peak_p99]];
        for (kind, level) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let moved = if missed[kind][level] { self.miss } else { self.hit }[kind][level];
            let factor = &mut self.factors[kind][level];
            *factor = (*factor * moved).clamp(*FACTOR.start(), *FACTOR.end());
        }
        missed[0][1]
    }

    /// `x`: the present sample; `recent`: the highest of late. `least`: the quantiles of the maximum until the horizon before,
    /// which are no higher.
    fn adjusted(&self, [x, recent]: [f32; 2], said: At, least: &mut [f32; 3]) -> At {
        let median = self.mixing.median(x, said.value[0]).max(0.0);
        // What covers stands on the higher of the two medians: what the model knows of the worst is worth more than what it
        // knows of the middle.
        let base = median.max(said.value[0]);
        let away = |value: f32, factor: f32| base + (value - said.value[0]) * factor;
        // Below what it drew of late a rack is often only for a moment (a job saves its state), which a model that does not know
        // the job takes for its level. One that knows better than persistence knows this, too.
        let doubted = (DOUBTED * (1.0 - self.mixing.share())).min(1.0);
        let to_recent = doubted * (recent - base).max(0.0);
        let reach = |factor: f32| to_recent * ((factor - 1.0) / (REACHES_AT - 1.0)).clamp(0.0, 1.0);
        let [[to_p90, to_p99], [to_peak_p90, to_peak_p99]] = self.factors;
        let p90 = away(said.value[1], to_p90);
        let value = [median, p90, (away(said.value[2], to_p99) + reach(to_p99)).max(p90)];
        let middle = median + said.peak[0] - said.value[0];
        let peak_p99 = away(said.peak[2], to_peak_p99) + reach(to_peak_p99);
        let mut peak = [middle, away(said.peak[1], to_peak_p90), peak_p99];
        let mut below = f32::MIN;
        for (level, peak) in peak.iter_mut().enumerate() {
            below = peak.max(value[level]).max(least[level]).max(below);
            (*peak, least[level]) = (below, below);
        }
        At { value, peak }
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

    fn at(p50: f32, p90: f32, p99: f32, peak_p99: f32) -> At {
        At { value: [p50, p90, p99], peak: [p50, p90, peak_p99] }
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
                let [_, p90, p99] = pending[second - 1].value;
                misses[0] += f32::from(u8::from(x > p90));
                misses[1] += f32::from(u8::from(x > p99));
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
        let narrow = |_| at(0.5, 0.51, 0.53, 0.53);
        let [_, p99] = run(&mut calibration, 4_000, narrow, power);
        assert!((0.002..=0.02).contains(&p99), "P99 was missed in {p99}");
    }

    /// Draws 0.8, but for three seconds of every twelve 0.5: as a job that saves its state.
    fn saving(second: usize) -> f32 {
        if second % 12 < 3 { 0.5 } else { 0.8 }
    }

    #[test]
    fn where_no_width_was_said_p99_reaches_up_to_what_was_drawn_of_late() {
        let mut calibration = Calibration::new(&HORIZONS);
        let persistence = |x| at(x, x + 0.001, x + 0.002, x + 0.002);
        let [_, p99] = run(&mut calibration, 2_000, persistence, saving);
        assert!(p99 <= 0.02, "P99 was missed in {p99}");
        let mut all = [persistence(0.5); 3];
        calibration.adjust(0.5, false, &mut all);
        assert!(all.iter().all(|at| (0.8..0.82).contains(&at.value[2])), "no further than there: {all:?}");
    }

    #[test]
    fn a_model_that_knows_the_job_is_not_widened_by_what_was_drawn_of_late() {
        let mut calibration = Calibration::new(&HORIZONS);
        // Which is told the truth of the next sample, and of the others the higher level.
        let mut second = 0;
        for _ in 0..500 {
            calibration.observe(saving(second));
            second += 1;
            let mut all = HORIZONS.map(|ahead| {
                let next = saving(second - 1 + ahead);
                at(next, next + 0.001, next + 0.002, 0.81)
            });
            calibration.adjust(saving(second - 1), true, &mut all);
            if second > 100 {
                let next = saving(second);
                assert!((all[0].value[2] - next).abs() < 0.003, "{second}: {all:?}");
            }
        }
    }

    #[test]
    fn of_long_maxima_fewer_misses_are_steered_for() {
        let share = |samples| {
            let horizon = Horizon::new(samples, 0);
            let [hit, miss] = [horizon.hit, horizon.miss].map(|moved| moved[1][1].ln().abs());
            hit / (hit + miss)
        };
        assert!([(5, 0.006), (30, 0.006), (60, 0.003)].iter().all(|(samples, is)| (share(*samples) - is).abs() < 1e-4));
    }

    #[test]
    fn a_useless_median_gives_way_to_persistence() {
        let mut calibration = Calibration::new(&HORIZONS);
        let useless = |x| at(x + 0.3, x + 0.4, x + 0.5, x + 0.6);
        run(&mut calibration, 500, useless, |_| 0.5);
        let mut all = [useless(0.5); 3];
        calibration.adjust(0.5, false, &mut all);
        assert!(all.iter().all(|at| (at.value[0] - 0.5).abs() < 0.01), "{all:?}");
        assert!(all.iter().all(|at| at.value.is_sorted() && at.peak.is_sorted() && at.value[2] <= at.peak[2]));
    }

    #[test]
    fn drift_is_told_within_a_minute_and_taken_back() {
        let mut calibration = Calibration::new(&HORIZONS);
        let steady = |_| at(0.5, 0.51, 0.52, 0.53);
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
        let said = |x| at(x, x + 0.2, x + 0.3, x + 0.4);
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
        let said = |x| at(x + 0.1, x + 0.11, x + 0.12, x + 0.13);
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
        assert_eq!(calibration.samples.count, 0);
    }
}
