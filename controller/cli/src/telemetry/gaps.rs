//! Seconds that a replica did not record.

use serde::Serialize;

use crate::output::wall_time;

/// Rows come once a second; what is further apart is a gap. Milliseconds.
const APART_MS_MAX: i64 = 2_500;
/// So many are told one by one; all are counted.
const TOLD_MAX: usize = 20;

/// The gaps of one replica.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Gaps {
    /// How many.
    pub count: usize,
    /// How long all of them are together, seconds.
    pub seconds: i64,
    /// The first of them, for people.
    pub first: Vec<String>,
}

/// The gaps between these times; they are sorted here.
pub fn gaps(times_ms: &mut [i64]) -> Gaps {
    times_ms.sort_unstable();
    let mut gaps = Gaps::default();
    for pair in times_ms.windows(2).filter(|pair| pair[1] - pair[0] > APART_MS_MAX) {
        gaps.count += 1;
        gaps.seconds += (pair[1] - pair[0]) / 1_000;
        if gaps.first.len() < TOLD_MAX {
            gaps.first.push(format!("{} to {}", wall_time(pair[0]), wall_time(pair[1])));
        }
    }
    gaps
}
