//! A robust level and spread in twelve bytes: a running Huber estimate.

use super::bytes::Reader;

/// No sample counts for more than this many spreads, so an outlier moves the level by a bounded step.
const CLIP_SPREADS: f32 = 4.0;
/// Least spread as a share of the rack's limit: below it lies the meter's own noise.
const SPREAD_LEAST: f32 = 1.0 / 512.0;

/// Level and mean absolute deviation, as shares of the limit, over about `length` samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tracker {
    level: f32,
    spread: f32,
    samples: u32,
}

impl Tracker {
    pub fn level(&self) -> Option<f32> {
        (self.samples > 0).then_some(self.level)
    }

    pub fn spread(&self) -> f32 {
        self.spread.max(SPREAD_LEAST)
    }

    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// Takes a sample; the first `length` of them are averaged evenly, so that a cold start is no slow one.
    pub fn push(&mut self, value: f32, length: u16) {
        self.samples = self.samples.saturating_add(1);
        if self.samples == 1 {
            self.level = value;
            return;
        }
        let seen = u16::try_from(self.samples).unwrap_or(u16::MAX).min(length);
        let gain = 1.0 / f32::from(seen.max(1));
        let (away, clip) = (value - self.level, CLIP_SPREADS * self.spread());
        self.level = (self.level + gain * away.clamp(-clip, clip)).max(0.0);
        self.spread += gain * (away.abs() - self.spread).min(clip);
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.level.to_le_bytes());
        out.extend_from_slice(&self.spread.to_le_bytes());
        out.extend_from_slice(&self.samples.to_le_bytes());
    }

    pub fn read(from: &mut Reader) -> Option<Self> {
        Some(Self { level: from.f32()?, spread: from.f32()?, samples: from.u32()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_in_fifty_at_four_times_the_load_hardly_moves_it() {
        let mut tracker = Tracker::default();
        for at in 0..3_000_u16 {
            let noise = f32::from(at % 7) / 700.0;
            tracker.push(if at % 50 == 49 { 2.0 } else { 0.5 + noise }, 300);
        }
        let level = tracker.level().expect("heard");
        assert!((0.49..0.53).contains(&level), "{level}; the mean is 0.53");
    }

    #[test]
    fn a_lasting_shift_is_followed() {
        let mut tracker = Tracker::default();
        for at in 0..2_000 {
            tracker.push(if at < 1_000 { 0.2 } else { 0.8 }, 300);
        }
        assert!(tracker.level().expect("heard") > 0.7, "{tracker:?}");
    }
}
