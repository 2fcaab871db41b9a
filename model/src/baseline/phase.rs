//! The pattern of a job: the last 400 s in buckets of 5 s, and the period at which they repeat.

use super::bytes::{Reader, put_u16s};

const BUCKETS: usize = 80;
const BUCKET_S: u32 = 5;
/// Periods from 30 s to 200 s: at least two of them are in view.
const LAGS: std::ops::RangeInclusive<usize> = 6..=BUCKETS / 2;
/// A lag is a period when values that far apart differ by less than this share of what they differ from their mean.
const LIKENESS: f32 = 0.5;
/// Below this mean deviation (as packed, 0.3 % of the limit) there is nothing to repeat.
const FLAT: f32 = 0.003 * UNITS;
/// Buckets that must have been heard for a period to be looked for.
const HEARD_LEAST: u32 = 60;
const UNKNOWN: u16 = u16::MAX;
/// A value of 1.0 (the limit) as packed; up to four limits fit.
const UNITS: f32 = 16_383.0;

/// A share of the limit in sixteen bits, 0.006 % apart.
pub fn pack(value: f32) -> u16 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    let packed = (value * UNITS + 0.5) as u16;
    packed.min(UNKNOWN - 1)
}

pub fn unpack(packed: u16) -> Option<f32> {
    (packed != UNKNOWN).then(|| f32::from(packed) / UNITS)
}

/// Means of the last buckets, at their own time modulo the ring's length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    ring: [u16; BUCKETS],
    sum: f32,
    /// The bucket since the epoch that is being summed.
    current: u32,
    heard: u16,
    /// Zero where nothing repeats.
    period_buckets: u16,
}

impl Default for Phase {
    fn default() -> Self {
        Self { ring: [UNKNOWN; BUCKETS], sum: 0.0, current: 0, heard: 0, period_buckets: 0 }
    }
}

impl Phase {
    /// Seconds after which the load repeats itself, if it does.
    pub fn period_s(&self) -> Option<u32> {
        (self.period_buckets > 0).then(|| u32::from(self.period_buckets) * BUCKET_S)
    }

    /// The value at the same phase of the newest period that is over.
    pub fn expected(&self, at_s: u32) -> Option<f32> {
        let (at, period) = (at_s / BUCKET_S, u32::from(self.period_buckets));
        if period == 0 {
            return None;
        }
        let ahead = (at + 1).saturating_sub(self.current);
        let source = at.checked_sub(ahead.div_ceil(period).max(1) * period)?;
        let kept = self.current.checked_sub(source).is_some_and(|age| (1..BUCKETS as u32).contains(&age));
        if kept { unpack(self.ring[index(source)]) } else { None }
    }

    /// Takes a sample of its second; seconds do not go back. What was not heard in between is unknown.
    pub fn push(&mut self, at_s: u32, value: f32) {
        let bucket = at_s / BUCKET_S;
        if bucket != self.current {
            self.close(bucket);
        }
        self.sum += value;
        self.heard = self.heard.saturating_add(1);
    }

    fn close(&mut self, next: u32) {
        self.ring[index(self.current)] = if self.heard == 0 { UNKNOWN } else { pack(self.sum / f32::from(self.heard)) };
        let skipped = next.saturating_sub(self.current).saturating_sub(1).min(BUCKETS as u32);
        for at in 1..=skipped {
            self.ring[index(self.current + at)] = UNKNOWN;
        }
        (self.current, self.sum, self.heard) = (next, 0.0, 0);
    }

    /// Looks for the period anew; about 2,000 subtractions.
    pub fn search(&mut self) {
        self.period_buckets = self.best_lag().and_then(|lag| u16::try_from(lag).ok()).unwrap_or(0);
    }

    fn best_lag(&self) -> Option<usize> {
        let values = self.in_order()?;
        let count = values.len() as f32;
        let mean = values.iter().sum::<f32>() / count;
        let spread = values.iter().map(|value| (value - mean).abs()).sum::<f32>() / count;
        let (lag, difference) = LAGS.map(|lag| (lag, difference(&values, lag))).min_by(|a, b| a.1.total_cmp(&b.1))?;
        (spread > FLAT && difference < LIKENESS * spread).then_some(lag)
    }

    /// Oldest first; unknown ones hold the one before. The bucket that is being summed is left out.
    fn in_order(&self) -> Option<[f32; BUCKETS - 1]> {
        let oldest = index(self.current) + 1;
        let ordered = |at: usize| self.ring[(oldest + at) % BUCKETS];
        let known = (0..BUCKETS - 1).map(ordered).filter(|&packed| packed != UNKNOWN);
        let mut held = known.clone().next()?;
        if (known.count() as u32) < HEARD_LEAST {
            return None;
        }
        let mut out = [0.0; BUCKETS - 1];
        for (at, value) in out.iter_mut().enumerate() {
            let packed = ordered(at);
            held = if packed == UNKNOWN { held } else { packed };
            *value = f32::from(held);
        }
        Some(out)
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        put_u16s(&self.ring, out);
        out.extend_from_slice(&self.sum.to_le_bytes());
        out.extend_from_slice(&self.current.to_le_bytes());
        put_u16s(&[self.heard, self.period_buckets], out);
    }

    pub fn read(from: &mut Reader) -> Option<Self> {
        let (ring, sum, current) = (from.u16s()?, from.f32()?, from.u32()?);
        let (heard, period_buckets) = (from.u16()?, from.u16()?);
        let sound = period_buckets == 0 || LAGS.contains(&usize::from(period_buckets));
        sound.then_some(Self { ring, sum, current, heard, period_buckets })
    }
}

/// Mean difference of values that lie `lag` apart, in four sums so that the compiler may add side by side.
fn difference(values: &[f32], lag: usize) -> f32 {
    let (mut sums, pairs) = ([0.0_f32; 4], values.len() - lag);
    let (early, late) = (&values[..pairs], &values[lag..]);
    for (a, b) in early.chunks_exact(4).zip(late.chunks_exact(4)) {
        for at in 0..4 {
            sums[at] += (a[at] - b[at]).abs();
        }
    }
    sums.iter().sum::<f32>() / (pairs - pairs % 4) as f32
}

fn index(bucket: u32) -> usize {
    bucket as usize % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_wave_of_two_minutes_is_found_and_told_ahead() {
        let mut phase = Phase::default();
        let load = |at_s: u32| if at_s % 120 < 40 { 0.2 } else { 0.9 };
        (1_000_000..1_000_800).for_each(|at_s| phase.push(at_s, load(at_s)));
        phase.search();
        assert_eq!(phase.period_s(), Some(120));
        for at_s in (1_000_800..1_001_100).step_by(5) {
            let expected = phase.expected(at_s).expect("a period");
            assert!((expected - load(at_s)).abs() < 0.001, "{at_s}: {expected}");
        }
    }

    #[test]
    fn a_flat_or_hardly_heard_load_has_no_period() {
        let mut phase = Phase::default();
        (0..800).for_each(|at_s| phase.push(at_s, 0.5));
        phase.search();
        assert_eq!(phase.period_s(), None);
        let mut phase = Phase::default();
        (0..800)
            .filter(|at_s| at_s % 120 < 60)
            .for_each(|at_s| phase.push(at_s, if at_s % 120 < 30 { 0.1 } else { 0.9 }));
        phase.search();
        assert_eq!(phase.period_s(), None);
    }
}
