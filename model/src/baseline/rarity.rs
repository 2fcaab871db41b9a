//! How often a deviation of at least this size has been seen: a decaying histogram on half octaves.

use super::bytes::{Reader, put_u16s};

const BINS: usize = 20;
/// Deviations below this share of the limit are the meter's noise, all in the first bin; the last begins at 0.7.
const FIRST: f32 = 1.0 / 1_024.0;
/// Points for each power of ten of rarity.
const POINTS_PER_DECADE: f32 = 20.0;

/// Counts of past deviations by size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rarity {
    counts: [u16; BINS],
}

impl Rarity {
    /// 20 points for each power of ten: 40 is a deviation that one second in a hundred reached, 100 one in 100,000 or
    /// fewer. What was never seen scores by how long there was time to see it: 71 after an hour, at most 100.
    pub fn score(&self, deviation: f32) -> u8 {
        let reached: u32 = self.counts[bin(deviation)..].iter().copied().map(u32::from).sum();
        let all: u32 = self.counts.iter().copied().map(u32::from).sum();
        #[allow(clippy::cast_precision_loss, reason = "below 20 × 65,536")]
        let odds = (all + 1) as f32 / (reached + 1) as f32;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let score = (POINTS_PER_DECADE * odds.log10()).clamp(0.0, 100.0) as u8;
        score
    }

    /// Counts a deviation. When a bin is full all are halved: the past fades over one to two days.
    pub fn push(&mut self, deviation: f32) {
        let at = bin(deviation);
        if self.counts[at] == u16::MAX {
            self.counts.iter_mut().for_each(|count| *count /= 2);
        }
        self.counts[at] += 1;
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        put_u16s(&self.counts, out);
    }

    pub fn read(from: &mut Reader) -> Option<Self> {
        Some(Self { counts: from.u16s()? })
    }
}

/// Half octaves from the bits of the number: the exponent, and whether the mantissa is past the middle. No logarithm.
fn bin(deviation: f32) -> usize {
    let halves = |value: f32| (value.to_bits() >> 22) as usize;
    halves(deviation.max(FIRST)).saturating_sub(halves(FIRST)).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_rarity() {
        let mut rarity = Rarity::default();
        for at in 0..10_000 {
            rarity.push(if at % 100 == 0 { 0.3 } else { 0.01 });
        }
        assert_eq!(rarity.score(0.01), 0);
        assert_eq!(rarity.score(0.3), 39, "one in a hundred, rounded down");
        assert_eq!(rarity.score(0.9), 80, "never in 10,000");
        assert_eq!(rarity.score(f32::INFINITY), 80);
    }

    #[test]
    fn a_full_histogram_fades_and_does_not_overflow() {
        let mut rarity = Rarity::default();
        (0..200_000).for_each(|_| rarity.push(0.0));
        assert_eq!(rarity.score(0.0), 0);
        assert!(rarity.score(1.0) >= 90);
    }
}
