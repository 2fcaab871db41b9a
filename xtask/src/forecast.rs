//! `cargo bench-forecast`: the shipped engine and its peers on recorded power, in an environment of pinned packages.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::python::{self, Environment};
use crate::runtime;
use crate::shell::{cargo, root, step, target};

/// What the peers run on.
const TRAINING: Environment = Environment {
    name: "training",
    requirements: "model/training/requirements.txt",
    fetching: "fetching JAX and LightGBM (about 250 MB, once)",
};

/// Sets up what is missing, builds the engine's replay, and hands over to `model/training/bench.py`.
pub fn bench(options: &[String]) -> Result<ExitCode> {
    runtime::ensure()?;
    let python = python::ensure(TRAINING)?;
    let mut build = cargo(&["build", "--release", "--quiet", "--locked", "--package", "ridethrough-model"]);
    step("building the engine's replay", build.args(["--example", "replay"]))?;
    let mut bench = Command::new(python);
    bench.arg(root().join("model/training/bench.py")).args(options);
    bench.arg("--replay").arg(target().join("release/examples/replay"));
    // The peers' own threads cost more than they bring on rows this short.
    let status = bench.env("OMP_NUM_THREADS", "1").status().context("cannot start the bench")?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
