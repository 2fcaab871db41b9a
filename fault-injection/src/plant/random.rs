//! Seeded numbers without state: a draw is a function of what it is for, so that reading a meter twice, or in
//! another order, changes nothing.

/// Mixes a key into 64 well-spread bits (SplitMix64, Steele, Lea and Flood, OOPSLA 2014).
pub fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in `[0, 1)` for this key.
#[allow(clippy::cast_precision_loss, reason = "53 bits are kept, which an f64 holds exactly")]
pub fn unit(key: u64) -> f64 {
    (mix(key) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number of mean 0 and variance 1 for this key: four uniform ones summed, so no tail beyond 3.5.
pub fn bell(key: u64) -> f64 {
    let sum: f64 = (0..4).map(|nth| unit(mix(key).wrapping_add(nth))).sum();
    (sum - 2.0) * 3_f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bell_has_its_mean_and_variance() {
        let draws: Vec<f64> = (0..20_000).map(bell).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.03, "mean {mean}, variance {variance}");
    }
}
