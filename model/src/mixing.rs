//! How far a median is the model's and how far it is the sample it was made at: by which of the two erred less of late.

/// Errors are averaged over about so many samples.
pub const ERROR_SPAN: u16 = 240;
/// The model has a say only where its error is below this part of persistence's: an average of few errors may be luck.
const PART_MAX: f32 = 0.9;
/// What is won below that counts so many times, up to the whole say.
const SLOPE: f32 = 4.0;

/// The mean errors of both, for one horizon.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mixing {
    model: f32,
    persistence: f32,
    settled: u16,
}

impl Mixing {
    /// Takes what came, what the model said of it, and the sample at the time it said so.
    pub fn settle(&mut self, came: f32, said: f32, before: f32) {
        self.settled = (self.settled + 1).min(ERROR_SPAN);
        for (mean, error) in [(&mut self.model, (came - said).abs()), (&mut self.persistence, (came - before).abs())] {
            *mean += (error - *mean) / f32::from(self.settled);
        }
    }

    /// The median, where the model says `said` and the present sample is `now`. Until something is settled it is the sample.
    pub fn median(&self, now: f32, said: f32) -> f32 {
        now + self.share() * (said - now)
    }

    /// The part of the median that is the model's.
    pub fn share(&self) -> f32 {
        if self.persistence > 0.0 { (SLOPE * (PART_MAX - self.model / self.persistence)).clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(said: impl Fn(f32) -> f32) -> Mixing {
        let mut mixing = Mixing::default();
        for sample in 0..500_u16 {
            let before = f32::from(sample % 7) / 7.0;
            mixing.settle(before + 0.1, said(before), before);
        }
        mixing
    }

    #[test]
    fn the_median_is_the_one_of_who_errs_less() {
        let is = |mixing: Mixing, expected: f32| (mixing.median(0.5, 0.9) - expected).abs() < 1e-4;
        assert!(is(Mixing::default(), 0.5), "nothing is known of the model");
        assert!(is(settled(|before| before + 0.3), 0.5), "the model errs twice as much");
        assert!(is(settled(|before| before), 0.5), "the model is no better");
        assert!(is(settled(|before| before + 0.1), 0.9), "the model knows");
        let some = settled(|before| before + 0.02);
        assert!(is(some, 0.66), "a fifth less error is two fifths of the say");
    }

    #[test]
    fn where_nothing_ever_moves_nothing_is_foreseen() {
        let mut mixing = Mixing::default();
        (0..50).for_each(|_| mixing.settle(0.5, 0.5, 0.5));
        assert!((mixing.median(0.5, 0.9) - 0.5).abs() < 1e-6);
    }
}
