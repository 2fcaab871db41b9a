//! How wide a server's bound must be, by its own misses: as for racks (`calibration`), in a few bytes.

use super::SAMPLES_AHEAD;

/// How far the factor moves in its logarithm for each miss, and the share of misses that it tends to.
const RATE: f32 = 0.07;
const MISSES: f32 = 0.01;
/// Where the factor stays.
const FACTOR: std::ops::RangeInclusive<f32> = 0.37..=4.0;
/// A bound is kept in steps of this part of the rating until it is settled.
const STEPS_PER_PART: f32 = 16_000.0;

/// The factor on the distance from the median to the bound, and the bounds that wait for their truth.
#[derive(Clone, Debug)]
pub struct Width {
    factor: f32,
    next: u8,
    filled: u8,
    pending: [u16; SAMPLES_AHEAD],
}

impl Width {
    /// Nothing learned.
    pub fn new() -> Self {
        Self { factor: 1.0, next: 0, filled: 0, pending: [0; SAMPLES_AHEAD] }
    }

    /// Settles the bound whose time has come with the highest of the samples since, then says what the bound of this
    /// sample's forecast becomes.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    pub fn widened(&mut self, highest: f32, p50: f32, peak_p99: f32) -> f32 {
        let slot = &mut self.pending[usize::from(self.next)];
        if usize::from(self.filled) == SAMPLES_AHEAD {
            let missed = f32::from(u8::from(highest > f32::from(*slot) / STEPS_PER_PART));
            self.factor = (self.factor * (RATE * (missed - MISSES)).exp()).clamp(*FACTOR.start(), *FACTOR.end());
        } else {
            self.filled += 1;
        }
        let bound = p50 + (peak_p99 - p50) * self.factor;
        *slot = (bound * STEPS_PER_PART).ceil() as u16;
        self.next = (self.next + 1) % SAMPLES_AHEAD as u8;
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_is_missed_widens_and_one_that_never_is_narrows() {
        let (mut missed, mut met) = (Width::new(), Width::new());
        for _ in 0..200 {
            missed.widened(0.9, 0.5, 0.6);
            met.widened(0.5, 0.5, 0.6);
        }
        assert!(missed.factor > 3.9, "{}", missed.factor);
        assert!((0.8..0.9).contains(&met.factor), "{}", met.factor);
    }

    #[test]
    fn nothing_is_settled_before_its_time() {
        let mut width = Width::new();
        for _ in 0..SAMPLES_AHEAD {
            width.widened(2.0, 0.1, 0.2);
        }
        assert!((width.factor - 1.0).abs() < 1e-6);
    }
}
