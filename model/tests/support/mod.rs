//! Where the committed model and the real runtime lie.

#![allow(dead_code, reason = "every test binary uses its part of it")]

use std::path::{Path, PathBuf};

use ridethrough_core::units::Watts;
use ridethrough_model::{LoadError, ModelFiles, OnnxForecast, Sample};

/// The runtime library: `RIDETHROUGH_ORT_LIB`, or where `cargo xtask setup` puts it.
pub fn runtime() -> PathBuf {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.runtime/onnxruntime/libonnxruntime.so.1.28.0");
    let path = std::env::var_os("RIDETHROUGH_ORT_LIB").map_or(fetched, PathBuf::from);
    assert!(path.exists(), "ONNX Runtime is not at {}: run `cargo xtask setup`", path.display());
    path
}

/// A file of this crate.
pub fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

pub fn load(model: &Path, manifest: &Path) -> Result<OnnxForecast, LoadError> {
    OnnxForecast::load(ModelFiles { model, manifest, runtime: &runtime() })
}

/// The model that is committed beside the sources.
pub fn committed() -> OnnxForecast {
    match load(&own("forecast.onnx"), &own("forecast.json")) {
        Ok(model) => model,
        Err(error) => panic!("{error}"),
    }
}

pub fn sample(power: i64, limit: i64) -> Sample {
    Sample { power: Some(Watts::new(power)), limit: Watts::new(limit) }
}

pub fn missing(limit: i64) -> Sample {
    Sample { power: None, limit: Watts::new(limit) }
}
