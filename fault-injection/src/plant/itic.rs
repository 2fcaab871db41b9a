//! The ITIC curve as the judge of a bus: which excursions information technology equipment must live through.
//!
//! Allowed (ITI (CBEMA) Curve Application Note, 2000): nothing at all for 20 ms, 70 % for 0.5 s, 80 % for 10 s, 90 to
//! 110 % for ever, up to 120 % for 0.5 s. An excursion that leaves the curve counts once.

/// Below this share of nominal, for at most so many s.
const SAGS: [(f64, f64); 3] = [(0.7, 0.020), (0.8, 0.5), (0.9, 10.0)];
/// Above this share of nominal, for at most so many s.
const SWELLS: [(f64, f64); 2] = [(1.1, 0.5), (1.2, 0.0)];
/// Sums of steps may end a rounding error off.
const TOLERANCE_SECONDS: f64 = 1e-7;

/// The judge of one bus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Itic {
    sag_seconds: [f64; 3],
    swell_seconds: [f64; 2],
    outside: bool,
    violations: u32,
}

impl Itic {
    /// How many excursions left the curve.
    pub fn violations(&self) -> u32 {
        self.violations
    }

    /// Watches one step at this share of nominal; tells whether an excursion leaves the curve in it.
    pub fn watch(&mut self, volts_share: f64, step_seconds: f64) -> bool {
        if (0.9..=1.1).contains(&volts_share) {
            if self.sag_seconds[2] > 0.0 || self.swell_seconds[0] > 0.0 {
                *self = Self { violations: self.violations, ..Self::default() };
            }
            return false;
        }
        let mut outside = false;
        for ((below, seconds), spent) in SAGS.iter().zip(&mut self.sag_seconds) {
            *spent = if volts_share < *below { *spent + step_seconds } else { 0.0 };
            outside |= *spent > seconds + TOLERANCE_SECONDS;
        }
        for ((above, seconds), spent) in SWELLS.iter().zip(&mut self.swell_seconds) {
            *spent = if volts_share > *above { *spent + step_seconds } else { 0.0 };
            outside |= *spent > seconds + TOLERANCE_SECONDS;
        }
        let begins = outside && !self.outside;
        self.outside |= outside;
        self.violations += u32::from(begins);
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(volts_share: f64, lasting_ms: u32, violations: u32) {
        let mut judge = Itic::default();
        for _ in 0..lasting_ms {
            judge.watch(volts_share, 0.001);
        }
        judge.watch(1.0, 0.001);
        assert_eq!(judge.violations(), violations, "{volts_share} of nominal for {lasting_ms} ms");
    }

    #[test]
    fn every_corner_holds_on_both_sides() {
        for (volts_share, allowed_ms) in
            [(0.0, 20), (0.69, 20), (0.70, 500), (0.79, 500), (0.80, 10_000), (0.89, 10_000), (1.11, 500), (1.20, 500)]
        {
            check(volts_share, allowed_ms, 0);
            check(volts_share, allowed_ms + 1, 1);
        }
        check(0.90, 60_000, 0);
        check(1.10, 60_000, 0);
        check(1.21, 1, 1);
    }

    #[test]
    fn one_excursion_counts_once_and_the_next_again() {
        let mut judge = Itic::default();
        for _ in 0..2 {
            for _ in 0..100 {
                judge.watch(0.0, 0.001);
            }
            judge.watch(0.95, 0.001);
        }
        assert_eq!(judge.violations(), 2);
    }

    /// A sag that deepens is judged at every depth by the time spent below it.
    #[test]
    fn a_sag_of_changing_depth_is_judged_by_the_time_below_each_level() {
        let mut judge = Itic::default();
        for volts_share in [0.75, 0.5].into_iter().cycle().take(40) {
            judge.watch(volts_share, 0.001);
        }
        assert_eq!(judge.violations(), 0, "never below 70 % for 20 ms on end");
    }
}
