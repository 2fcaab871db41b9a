//! Some rows stepped by the crate's own code.

use super::{Answer, QUANTILES};
use crate::native::{NativeStep, Out};

/// Steps the rows of `before` into those of `after`.
pub fn step(native: &mut NativeStep, power: &[f32], before: &[f32], after: &mut [f32], answer: &mut Answer) {
    let (horizons, spans) = native.outputs();
    answer.horizons = horizons;
    answer.quantiles.resize(power.len() * horizons * QUANTILES, 0.0);
    answer.maxima.resize(power.len() * spans * QUANTILES, 0.0);
    let mut out = Out { quantiles: &mut answer.quantiles, maxima: &mut answer.maxima, state: after };
    native.run(power, before, &mut out);
}
