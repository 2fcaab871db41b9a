//! One rack or server: takes its samples, tells what to expect and how odd the present is.

use super::bytes::Reader;
use super::daily::Daily;
use super::phase::Phase;
use super::rarity::Rarity;
use super::tracker::Tracker;

/// Seconds that the fast level looks back.
const FAST_S: u16 = 300;
/// Minutes that the slow level looks back: a day.
const SLOW_MIN: u16 = 1_440;
const MINUTE_S: u32 = 60;
/// Minutes before which there is no drift to tell.
const SLOW_MIN_LEAST: u32 = 60;
/// The period is looked for once in this many seconds, each unit at another one of them.
const SEARCH_S: u32 = 120;
/// A late sample is taken when it is at most this old; whether its second was heard is remembered as long.
const LATE_S_MAX: u32 = 63;
/// As many samples in a row from before that, and it is the clock that went back.
const OLD_MAX: u8 = 60;
/// A reading beyond this many limits is no reading.
const LIMITS_MAX: f32 = 3.9;
/// Error, as a share of the limit, that a pattern is taken to have until it has shown better for some minutes.
const UNPROVEN: f32 = 0.1;
/// Drift points for each spread that the level moved, or doubling of the spread.
const POINTS_PER_SPREAD: f32 = 25.0;

/// A reading and the second (since the epoch) at which it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Seconds since the epoch, by the sample, not by its arrival.
    pub at_s: u32,
    /// Watts.
    pub watts: i64,
}

/// Why a sample was not learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Negative, or more than 3.9 times the limit.
    Absurd,
    /// This second has been heard; the first reading counts.
    Duplicate,
    /// From more than a minute before the newest.
    TooOld,
}

/// What a baseline says of the present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Watts that were to be expected now.
    pub expected_watts: i64,
    /// Mean deviation over the last minutes, watts.
    pub spread_watts: i64,
    /// How rare the present deviation is by the unit's own history: 20 for each power of ten, 0..=100.
    pub anomaly: u8,
    /// How far the last five minutes are from the last day: 25 for each spread that the level moved or each doubling
    /// of the spread, 0..=100. Zero within the first hour.
    pub drift: u8,
    /// Seconds that were learned from.
    pub heard_s: u32,
}

/// All that is kept of one rack or server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    limit_watts: f32,
    newest_s: u32,
    heard_before: u64,
    fast: Tracker,
    slow: Tracker,
    /// Lately mean error of each expectation: fast level, daily, phase.
    errors: [f32; 3],
    expected: f32,
    anomaly: u8,
    old_in_a_row: u8,
    rarity: Rarity,
    daily: Daily,
    phase: Phase,
}

impl Baseline {
    /// Knows nothing yet. `limit_watts` is what the unit may draw; all it learns is kept as a share of that.
    pub fn new(limit_watts: u32) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a scale")]
        let limit_watts = limit_watts.max(1) as f32;
        Self {
            limit_watts,
            newest_s: 0,
            heard_before: 0,
            fast: Tracker::default(),
            slow: Tracker::default(),
            errors: [0.0, UNPROVEN, UNPROVEN],
            expected: 0.0,
            anomaly: 0,
            old_in_a_row: 0,
            rarity: Rarity::default(),
            daily: Daily::default(),
            phase: Phase::default(),
        }
    }

    /// Learns from a sample. `unit` spreads the costlier work of many over time. What is refused changes nothing that
    /// was learned.
    pub fn observe(&mut self, unit: u32, heard: Heard) -> Result<(), Refused> {
        let value = self.share(heard.watts).ok_or(Refused::Absurd)?;
        match self.newest_s.checked_sub(heard.at_s) {
            Some(age) if age > LATE_S_MAX && self.fast.samples() > 0 => self.too_old(heard.at_s),
            Some(age) if self.fast.samples() > 0 => self.late(age, value),
            _ => {
                self.old_in_a_row = 0;
                self.newer(unit, heard.at_s, value);
                Ok(())
            }
        }
    }

    fn share(&self, watts: i64) -> Option<f32> {
        #[allow(clippy::cast_precision_loss, reason = "what is beyond 24 bits is refused by the limit or rounded")]
        let value = watts as f32 / self.limit_watts;
        (0.0..=LIMITS_MAX).contains(&value).then_some(value)
    }

    /// Nothing that was learned is lost when a clock goes back, but the newest second is another.
    fn too_old(&mut self, at_s: u32) -> Result<(), Refused> {
        self.old_in_a_row += 1;
        if self.old_in_a_row >= OLD_MAX {
            (self.old_in_a_row, self.newest_s, self.heard_before) = (0, at_s, 0);
            (self.daily, self.phase) = (self.daily.restarted(at_s), Phase::default());
        }
        Err(Refused::TooOld)
    }

    /// A late sample fills its gap in the level; patterns go on from the newest.
    fn late(&mut self, age: u32, value: f32) -> Result<(), Refused> {
        if self.heard_before & (1 << age) != 0 {
            return Err(Refused::Duplicate);
        }
        self.heard_before |= 1 << age;
        self.fast.push(value, FAST_S);
        Ok(())
    }

    fn newer(&mut self, unit: u32, at_s: u32, value: f32) {
        let passed = at_s - self.newest_s;
        self.heard_before = self.heard_before.checked_shl(passed).unwrap_or(0) | 1;
        self.judge(at_s, value);
        self.fast.push(value, FAST_S);
        if at_s / MINUTE_S != self.newest_s / MINUTE_S {
            self.slow.push(value, SLOW_MIN);
        }
        self.daily.push(at_s, value);
        self.phase.push(at_s, value);
        let turn = |second: u32| second.wrapping_add(unit) / SEARCH_S;
        if turn(at_s) != turn(self.newest_s) {
            self.phase.search();
        }
        self.newest_s = at_s;
    }

    /// Scores the sample by what was expected before it was known.
    fn judge(&mut self, at_s: u32, value: f32) {
        let Some(expected) = self.share_expected(at_s) else {
            self.expected = value;
            return;
        };
        let deviation = (value - expected).abs();
        (self.expected, self.anomaly) = (expected, self.rarity.score(deviation));
        self.rarity.push(deviation);
        let gain = 1.0 / f32::from(FAST_S);
        for (error, told) in self.errors.iter_mut().zip(candidates(&self.fast, &self.daily, &self.phase, at_s)) {
            if let Some(told) = told {
                *error += gain * ((value - told).abs() - *error);
            }
        }
    }

    /// The expectation that erred least of late, of those that there are.
    fn share_expected(&self, at_s: u32) -> Option<f32> {
        let told = candidates(&self.fast, &self.daily, &self.phase, at_s);
        let judged = told.into_iter().zip(self.errors).filter_map(|(told, error)| told.map(|told| (told, error)));
        judged.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(told, _)| told)
    }

    /// Watts to be expected at a second since the epoch, now or ahead; none before the first sample.
    pub fn expected_watts(&self, at_s: u32) -> Option<i64> {
        self.share_expected(at_s).map(|share| self.watts(share))
    }

    /// Seconds after which the load repeats itself, if it does.
    pub fn period_s(&self) -> Option<u32> {
        self.phase.period_s()
    }

    /// What the newest sample was worth.
    pub fn outlook(&self) -> Outlook {
        Outlook {
            expected_watts: self.watts(self.expected),
            spread_watts: self.watts(self.fast.spread()),
            anomaly: self.anomaly,
            drift: self.drift(),
            heard_s: self.fast.samples(),
        }
    }

    fn drift(&self) -> u8 {
        let (Some(fast), Some(slow)) = (self.fast.level(), self.slow.level()) else { return 0 };
        if self.slow.samples() < SLOW_MIN_LEAST {
            return 0;
        }
        let moved = (fast - slow).abs() / self.slow.spread();
        let wider = (self.fast.spread() / self.slow.spread()).log2().abs();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let drift = (POINTS_PER_SPREAD * moved.max(wider)).clamp(0.0, 100.0) as u8;
        drift
    }

    fn watts(&self, share: f32) -> i64 {
        #[allow(clippy::cast_possible_truncation, reason = "at most four limits of 32 bits")]
        let watts = (share * self.limit_watts).round() as i64;
        watts
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.limit_watts.to_le_bytes());
        out.extend_from_slice(&self.newest_s.to_le_bytes());
        out.extend_from_slice(&self.heard_before.to_le_bytes());
        self.fast.write(out);
        self.slow.write(out);
        for value in self.errors.iter().chain([&self.expected]) {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&[self.anomaly, self.old_in_a_row]);
        self.rarity.write(out);
        self.daily.write(out);
        self.phase.write(out);
    }

    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let limit_watts = from.f32().filter(|watts| *watts >= 1.0)?;
        let (newest_s, heard_before) = (from.u32()?, from.u64()?);
        let (fast, slow) = (Tracker::read(from)?, Tracker::read(from)?);
        let (errors, expected) = ([from.f32()?, from.f32()?, from.f32()?], from.f32()?);
        let [anomaly, old_in_a_row] = from.array::<2>()?;
        let (rarity, daily, phase) = (Rarity::read(from)?, Daily::read(from)?, Phase::read(from)?);
        let sound = anomaly <= 100 && old_in_a_row < OLD_MAX;
        #[rustfmt::skip]
        let read = Self {
            limit_watts, newest_s, heard_before, fast, slow, errors, expected, anomaly, old_in_a_row, rarity, daily, phase,
        };
        sound.then_some(read)
    }
}

fn candidates(fast: &Tracker, daily: &Daily, phase: &Phase, at_s: u32) -> [Option<f32>; 3] {
    [fast.level(), daily.expected(at_s), phase.expected(at_s)]
}

const _: () = assert!(size_of::<Baseline>() <= 400, "ten servers of a rack must stay small");

#[cfg(test)]
mod tests;
