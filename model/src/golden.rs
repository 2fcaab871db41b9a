//! What JAX computed of the committed model on the start of some real recordings, for the tests of both steps.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The steps of some racks, from a cold start.
#[derive(Deserialize)]
pub struct Golden {
    pub steps: Vec<GoldenStep>,
}

/// What goes into a step and what comes out, rack by rack.
#[derive(Deserialize)]
pub struct GoldenStep {
    pub power: Vec<f32>,
    quantiles: Vec<Vec<[f64; 3]>>,
    maxima: Vec<Vec<[f64; 3]>>,
    state_out: Vec<Vec<f64>>,
}

/// A file of this crate.
pub fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The committed values.
pub fn golden() -> Golden {
    let text = std::fs::read_to_string(own("golden.json")).expect("the committed golden values");
    serde_json::from_str(&text).expect("golden values")
}

impl GoldenStep {
    /// Compares what a step gave with what it should.
    #[track_caller]
    pub fn check(&self, quantiles: &[f32], maxima: &[f32], state: &[f32], tolerance: f64) {
        check_close(quantiles, self.quantiles.iter().flatten().flatten().copied(), tolerance, "quantiles");
        check_close(maxima, self.maxima.iter().flatten().flatten().copied(), tolerance, "maxima");
        check_close(state, self.state_out.iter().flatten().copied(), tolerance, "state_out");
    }
}

#[track_caller]
fn check_close(found: &[f32], expected: impl Iterator<Item = f64>, tolerance: f64, what: &str) {
    let expected: Vec<f64> = expected.collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() <= tolerance, "{what}: {found} and {expected}");
    }
}
