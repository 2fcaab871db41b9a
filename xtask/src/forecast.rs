//! `cargo bench-forecast`: the shipped engine and its peers on recorded power, in an environment of pinned packages.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::runtime;
use crate::shell::{cargo, root, step, target};

/// Sets up what is missing, builds the engine's replay, and hands over to `model/training/bench.py`.
pub fn bench(options: &[String]) -> Result<ExitCode> {
    runtime::ensure()?;
    let python = environment()?;
    let mut build = cargo(&["build", "--release", "--quiet", "--locked", "--package", "ridethrough-model"]);
    step("building the engine's replay", build.args(["--example", "replay"]))?;
    let mut bench = Command::new(python);
    bench.arg(root().join("model/training/bench.py")).args(options);
    bench.arg("--replay").arg(target().join("release/examples/replay"));
    // The peers' own threads cost more than they bring on rows this short.
    let status = bench.env("OMP_NUM_THREADS", "1").status().context("cannot start the bench")?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// Python with the packages of `model/training/requirements.txt`, made anew when that file has changed.
fn environment() -> Result<PathBuf> {
    let home = root().join(".runtime/training");
    let (python, stamp) = (home.join("bin/python"), home.join("requirements.txt"));
    let wanted = root().join("model/training/requirements.txt");
    let text = fs::read_to_string(&wanted)?;
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(python);
    }
    let mut venv = Command::new("python3");
    step("making an environment for Python", venv.args(["-m", "venv", "--clear"]).arg(&home))
        .context("python3 with venv is needed")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement"]);
    step("fetching JAX and LightGBM (about 250 MB, once)", pip.arg(&wanted))?;
    fs::write(stamp, text)?;
    Ok(python)
}
