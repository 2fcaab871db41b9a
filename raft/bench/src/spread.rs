//! Times, and where most of them lie.

use std::time::Duration;

/// Times of one thing done again and again.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    times: Vec<Duration>,
}

impl Spread {
    /// Adds times, in any order.
    pub fn add(&mut self, times: impl IntoIterator<Item = Duration>) {
        self.times.extend(times);
        self.times.sort_unstable();
    }

    /// The time in microseconds that so many thousandths of all do not pass; 0 while there is none.
    pub fn micros_at(&self, permille: usize) -> f64 {
        let last = self.times.len().saturating_sub(1);
        self.times.get(last * permille / 1_000).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_middle_and_the_end_of_what_came_in_any_order() {
        let mut spread = Spread::default();
        assert_eq!((spread.micros_at(500), spread.micros_at(990)), (0.0, 0.0));
        spread.add((51..=101).rev().map(Duration::from_micros));
        spread.add((1..=50).map(Duration::from_micros));
        let rounded = |permille| spread.micros_at(permille).round();
        assert_eq!((rounded(0), rounded(500), rounded(990), rounded(1_000)), (1.0, 51.0, 100.0, 101.0));
    }
}
