//! What a server's forecasts were worth, as for racks (`calibration`) but in a few bytes: how far the median is the
//! model's, and how wide the bound must be.

use super::SAMPLES_AHEAD;
use crate::mixing::Mixing;

/// How far the factor moves in its logarithm for each miss, and the share of misses that it tends to.
const RATE: f32 = 0.07;
const MISSES: f32 = 0.01;
/// Where the factor stays.
const FACTOR: std::ops::RangeInclusive<f32> = 0.37..=4.0;
/// What was said is kept in steps of this part of the rating until it is settled.
const STEPS_PER_PART: f32 = 16_000.0;

/// What is learned of one server, and what waits for its truth: the model's medians and the bounds.
#[derive(Clone, Debug)]
pub struct Correction {
    mixing: Mixing,
    /// On the distance from the model's median to its bound.
    factor: f32,
    next: u8,
    filled: u8,
    pending: [[u16; 2]; SAMPLES_AHEAD],
}

/// What a server has drawn, in parts of its rating.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// Now.
    pub now: f32,
    /// [`SAMPLES_AHEAD`] samples before.
    pub before: f32,
    /// The highest since then.
    pub highest: f32,
}

impl Default for Correction {
    /// Nothing learned.
    fn default() -> Self {
        Self { mixing: Mixing::default(), factor: 1.0, next: 0, filled: 0, pending: [[0; 2]; SAMPLES_AHEAD] }
    }
}

impl Correction {
    /// Settles the forecast whose time has come, then says what the model's present median and bound become.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    pub fn corrected(&mut self, drawn: Drawn, [p50, peak_p99]: [f32; 2]) -> [f32; 2] {
        let slot = &mut self.pending[usize::from(self.next)];
        if usize::from(self.filled) == SAMPLES_AHEAD {
            let [said, bound] = slot.map(|steps| f32::from(steps) / STEPS_PER_PART);
            self.mixing.settle(drawn.now, said, drawn.before);
            let missed = f32::from(u8::from(drawn.highest > bound));
            self.factor = (self.factor * (RATE * (missed - MISSES)).exp()).clamp(*FACTOR.start(), *FACTOR.end());
        } else {
            self.filled += 1;
        }
        let median = self.mixing.median(drawn.now, p50);
        let bound = median.max(p50) + (peak_p99 - p50) * self.factor;
        *slot = [(p50 * STEPS_PER_PART).round() as u16, (bound * STEPS_PER_PART).ceil() as u16];
        self.next = (self.next + 1) % SAMPLES_AHEAD as u8;
        [median, bound]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(highest: f32) -> Drawn {
        Drawn { now: 0.5, before: 0.5, highest }
    }

    #[test]
    fn a_bound_that_is_missed_widens_and_one_that_never_is_narrows() {
        let (mut missed, mut met) = (Correction::default(), Correction::default());
        for _ in 0..200 {
            missed.corrected(steady(0.9), [0.5, 0.6]);
            met.corrected(steady(0.5), [0.5, 0.6]);
        }
        assert!(missed.factor > 3.9, "{}", missed.factor);
        assert!((0.8..0.9).contains(&met.factor), "{}", met.factor);
    }

    #[test]
    fn nothing_is_settled_before_its_time() {
        let mut correction = Correction::default();
        for _ in 0..SAMPLES_AHEAD {
            let [median, _] = correction.corrected(steady(2.0), [0.1, 0.2]);
            assert!((median - 0.5).abs() < 1e-6, "until something is settled the median is the sample");
        }
        assert!((correction.factor - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_model_that_knows_has_its_say() {
        let mut correction = Correction::default();
        // Climbs by a hundredth a sample, which the model knows.
        let mut median = 0.0;
        for sample in 0..40_u8 {
            let now = 0.2 + 0.01 * f32::from(sample);
            let drawn = Drawn { now, before: now - 0.1, highest: now };
            [median, _] = correction.corrected(drawn, [now + 0.1, now + 0.12]);
        }
        assert!((median - 0.69).abs() < 1e-3, "{median}");
    }
}
