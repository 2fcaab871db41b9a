//! What drove a forecast: how much each part of what the model has seen of a rack adds to what it says.
//!
//! The parts are left out and put back in every combination, and each is given its Shapley value: the mean of what it adds,
//! over all orders of putting parts back. So the parts add up to the forecast exactly, and none is favoured by its place.
//! What is left out is replaced by a rack that has always drawn what it draws now, of which nothing is remembered.

use ridethrough_core::units::Watts;

use crate::native::{NativeStep, Out};

/// A part of what the model has seen of a rack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// The last ten samples.
    Recent,
    /// The pattern of the samples before those.
    Pattern,
    /// Mean and highest level of the last minutes.
    Level,
    /// What the recurrent cell remembers.
    Memory,
}

impl Driver {
    /// Each of them, in the order of their bits.
    pub const ALL: [Self; 4] = [Self::Recent, Self::Pattern, Self::Level, Self::Memory];

    /// What people read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recent => "last ten seconds",
            Self::Pattern => "pattern before those",
            Self::Level => "level of the last minutes",
            Self::Memory => "memory of the recurrent cell",
        }
    }
}

/// The two numbers of a forecast that decide: the median of the maximum, which makes the planner act, and its P99, which it
/// covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisive {
    /// Median of the maximum.
    pub peak_p50: Watts,
    /// 99th percentile of the maximum.
    pub peak_p99: Watts,
}

impl Decisive {
    fn plus(self, other: Self) -> Self {
        let peak_p99 = self.peak_p99.saturating_add(other.peak_p99);
        Self { peak_p50: self.peak_p50.saturating_add(other.peak_p50), peak_p99 }
    }

    fn minus(self, other: Self) -> Self {
        let peak_p99 = self.peak_p99.saturating_sub(other.peak_p99);
        Self { peak_p50: self.peak_p50.saturating_sub(other.peak_p50), peak_p99 }
    }
}

/// A forecast, taken apart: `flat` and all of `drivers` add up to what the model said; `calibration` leads from there to
/// what was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What the rack draws now.
    pub now: Watts,
    /// What the model would say of a rack that has always drawn this.
    pub flat: Decisive,
    /// What each part adds; negative where it takes away.
    pub drivers: [(Driver, Decisive); Driver::ALL.len()],
    /// What the rack's own record of misses adds.
    pub calibration: Decisive,
    /// What was issued.
    pub issued: Decisive,
}

const PARTS: usize = Driver::ALL.len();
pub const COMBINATIONS: usize = 1 << PARTS;
/// In what share of all orders a set of so many parts comes before a part: n! (3 - n)! / 4!.
const SHARES: [f64; PARTS] = [1.0 / 4.0, 1.0 / 12.0, 1.0 / 12.0, 1.0 / 4.0];
/// The newest samples that [`Driver::Recent`] speaks for, the present one not counted: it is in every combination.
const RECENT: usize = 9;

/// What the step says of one rack at the span `span` with each combination of parts, in parts of its reference.
pub fn combinations(native: &mut NativeStep, state: &[f32], x: f32, span: usize) -> [[f32; 2]; COMBINATIONS] {
    let (horizons, spans) = native.outputs();
    let (mut quantiles, mut maxima) = (vec![0.0; horizons * 3], vec![0.0; spans * 3]);
    let mut next = vec![0.0; state.len()];
    std::array::from_fn(|mask| {
        let shown = with_parts(native, state, x, mask);
        native.run(&[x], &shown, &mut Out { quantiles: &mut quantiles, maxima: &mut maxima, state: &mut next });
        [maxima[span * 3], maxima[span * 3 + 2]]
    })
}

/// The state in which only the parts of `mask` are as they were.
fn with_parts(native: &NativeStep, state: &[f32], x: f32, mask: usize) -> Vec<f32> {
    let (past, width) = native.past();
    let has = |driver: usize| mask & 1 << driver != 0;
    let mut shown = state.to_vec();
    let recent_end = (past.start + RECENT).min(past.end);
    if !has(0) {
        shown[past.start..recent_end].fill(x);
    }
    if !has(1) {
        shown[recent_end..past.end].fill(x);
    }
    if !has(2) {
        // Highest, fast and slow level; the last number says whether anything was seen at all.
        shown[past.end..width - 1].fill(x);
    }
    if !has(3) {
        shown[..past.start].fill(0.0);
    }
    shown
}

/// Takes a forecast apart, in whole watts that add up; `issued` in parts of the reference.
pub fn explained(values: &[[f32; 2]; COMBINATIONS], issued: [f32; 2], x: f32, reference: Watts) -> Explanation {
    let whole = |parts: [f64; 2]| {
        let [peak_p50, peak_p99] = parts.map(|part| watts(part, reference));
        Decisive { peak_p50, peak_p99 }
    };
    let (flat, said) = (whole(values[0].map(f64::from)), whole(values[COMBINATIONS - 1].map(f64::from)));
    let mut drivers: [(Driver, Decisive); PARTS] = Driver::ALL.map(|driver| (driver, Decisive::default()));
    for ((_, adds), parts) in drivers.iter_mut().zip(shapley(values)) {
        *adds = whole(parts);
    }
    // Each was rounded by itself: the last takes what is missing.
    let rounded = drivers.iter().fold(flat, |sum, (_, adds)| sum.plus(*adds));
    drivers[PARTS - 1].1 = drivers[PARTS - 1].1.plus(said.minus(rounded));
    let issued = whole(issued.map(f64::from));
    Explanation { now: watts(f64::from(x), reference), flat, drivers, calibration: issued.minus(said), issued }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the cast saturates")]
fn watts(part: f64, reference: Watts) -> Watts {
    Watts::new((part * reference.get() as f64).round() as i64)
}

/// The Shapley value of each part, for both numbers.
pub fn shapley(values: &[[f32; 2]; COMBINATIONS]) -> [[f64; 2]; PARTS] {
    std::array::from_fn(|part| {
        let mut sums = [0.0; 2];
        for without in (0..COMBINATIONS).filter(|mask| mask & 1 << part == 0) {
            let weight = SHARES[without.count_ones() as usize];
            for (sum, (with, without)) in sums.iter_mut().zip(values[without | 1 << part].iter().zip(values[without])) {
                *sum += weight * f64::from(with - without);
            }
        }
        sums
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_all_orders_are_whole() {
        // Each part comes somewhere: over all sets that may come before it the shares add up to 1.
        let sets = [1.0, 3.0, 3.0, 1.0];
        let whole: f64 = sets.iter().zip(SHARES).map(|(count, share)| count * share).sum();
        assert!((whole - 1.0).abs() < 1e-12);
    }

    #[test]
    fn parts_that_only_add_get_what_they_add_and_twins_get_the_same() {
        // Part 0 adds 1, part 1 adds 2; parts 2 and 3 add 4 together and nothing alone.
        let values = std::array::from_fn(|mask: usize| {
            let together = if mask & 0b1100 == 0b1100 { 4.0 } else { 0.0 };
            let [one, two] = [mask & 1, mask >> 1 & 1].map(|bit| if bit == 1 { 1.0 } else { 0.0 });
            [one + 2.0 * two + together, 0.0]
        });
        let shares = shapley(&values).map(|both| both[0]);
        for (share, expected) in shares.iter().zip([1.0, 2.0, 2.0, 2.0]) {
            assert!((share - expected).abs() < 1e-9, "{shares:?}");
        }
    }
}
