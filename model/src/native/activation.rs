//! Sigmoid, tanh and softplus that a compiler turns into vector instructions, within 1e-6 of the exact ones.
//!
//! NaN in gives NaN out: a forecast must not hide one.

/// Beyond this, `exp` is 0 or infinite in 32 bits.
const EXP_MAX: f32 = 87.0;
/// Adding 1.5 · 2^23 leaves the nearest whole number in the low bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts, so that the difference to a multiple of it loses nothing.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = 2.121_944_4e-4;

/// e to the power of `x`, clamped to what 32 bits hold.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // `clamp` leaves NaN as it is.
    let x = x.clamp(-EXP_MAX, EXP_MAX);
    let turned = x * std::f32::consts::LOG2_E + ROUND;
    let whole = turned - ROUND;
    let rest = x - whole * LN_2_HIGH + whole * LN_2_LOW;
    let series = 1.0 / 720.0;
    let series = series * rest + 1.0 / 120.0;
    let series = series * rest + 1.0 / 24.0;
    let series = series * rest + 1.0 / 6.0;
    let series = series * rest + 0.5;
    let series = (series * rest + 1.0) * rest + 1.0;
    let exponent = turned.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    series * f32::from_bits(exponent)
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// ln(1 + e^x).
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let positive = if x < 0.0 { 0.0 } else { x };
    // ln(1 + u) = 2 artanh(u / (2 + u)), and u is at most 1.
    let u = exp(-x.abs());
    let s = u / (2.0 + u);
    let square = s * s;
    let series = 1.0 / 11.0;
    let series = series * square + 1.0 / 9.0;
    let series = series * square + 1.0 / 7.0;
    let series = series * square + 1.0 / 5.0;
    let series = series * square + 1.0 / 3.0;
    positive + 2.0 * s * (series * square + 1.0)
}

/// The larger one, NaN if one is.
#[inline(always)]
pub fn larger(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

/// `x`, or 0 where it is negative; NaN stays.
#[inline(always)]
pub fn rectified(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ours: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) {
        for step in -4_000_i16..=4_000 {
            let x = f32::from(step) * 0.01;
            let (ours, exact) = (f64::from(ours(x)), exact(f64::from(x)));
            assert!((ours - exact).abs() <= 1e-6 * (1.0 + exact.abs()), "{x}: {ours} and {exact}");
        }
        assert!(ours(f32::NAN).is_nan());
    }

    #[test]
    fn they_are_what_they_say() {
        check(sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
        check(tanh, f64::tanh);
        check(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p());
    }

    #[test]
    fn nan_is_kept_and_the_rest_compared() {
        assert!(larger(f32::NAN, 1.0).is_nan() && larger(1.0, f32::NAN).is_nan() && rectified(f32::NAN).is_nan());
        assert_eq!((larger(1.0, 2.0), larger(2.0, 1.0), rectified(-1.0), rectified(1.0)), (2.0, 2.0, 0.0, 1.0));
    }
}
