//! Times taken, and what is told of them.

use std::time::Duration;

/// Times taken, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    micros: Vec<f64>,
}

/// What is told of them, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Half of the times are not above it.
    pub p50_us: f64,
    /// 99 of 100 are not above it.
    pub p99_us: f64,
    /// The longest.
    pub max_us: f64,
    /// How many there were.
    pub samples: usize,
}

impl Latencies {
    /// Notes one.
    pub fn push(&mut self, took: Duration) {
        self.micros.push(took.as_secs_f64() * 1e6);
    }

    /// Notes all of another.
    pub fn extend(&mut self, other: &Self) {
        self.micros.extend(&other.micros);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.micros.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.micros.is_empty()
    }

    /// What is told of them; nothing of none.
    pub fn summary(&self) -> Option<Summary> {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |permille: usize| sorted.get((sorted.len() - 1) * permille / 1_000).copied();
        let last = sorted.last().copied()?;
        Some(Summary { p50_us: at(500)?, p99_us: at(990)?, max_us: last, samples: sorted.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(micros: &[u64], told: Option<(f64, f64, f64)>) {
        let mut latencies = Latencies::default();
        for &micros in micros {
            latencies.push(Duration::from_micros(micros));
        }
        let summary = latencies.summary().map(|summary| (summary.p50_us, summary.p99_us, summary.max_us));
        let rounded = summary.map(|(p50, p99, max)| (p50.round(), p99.round(), max.round()));
        assert_eq!(rounded, told);
    }

    #[test]
    fn quantiles_are_times_that_were_taken() {
        check(&[], None);
        check(&[7], Some((7.0, 7.0, 7.0)));
        check(&[3, 1, 2], Some((2.0, 2.0, 3.0)));
        let hundred_and_one: Vec<u64> = (0..=100).rev().collect();
        check(&hundred_and_one, Some((50.0, 99.0, 100.0)));
    }
}
