//! `cargo sim-raft`: openraft and all that is built around it on virtual time (`raft/faults`).
//!
//! tokio draws at random whom it wakes first, and takes a seed for that only with `--cfg tokio_unstable`. With another `cfg`
//! everything is built anew, so it lies in a folder of its own, and nothing that ships is built with it.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::shell::{cargo, step, target};

/// What the compiler is told for the simulation.
pub const FLAGS: &str = "--cfg tokio_unstable";
/// Its package, and what of it.
pub const PACKAGE: [&str; 4] = ["--package", "ridethrough-raft-faults", "--features", "sim"];

/// Builds the simulation in release mode and runs it with these options.
pub fn run(options: &[String]) -> Result<ExitCode> {
    let mut build = on_virtual_time(cargo(&["build", "--release", "--locked", "--quiet"]));
    step("building the simulation of Raft (minutes, once)", build.args(PACKAGE))?;
    let program = folder().join("release/raft-sim");
    let ended = Command::new(&program).args(options).status();
    let ended = ended.with_context(|| format!("cannot start {}", program.display()))?;
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Its tests: that seeds repeat, a fixed slice of them, and another one each time.
pub fn slice() -> Result<()> {
    let mut build = on_virtual_time(cargo(&["test", "--locked", "--quiet", "--no-run"]));
    step("building the simulation of Raft", build.args(PACKAGE).args(["--test", "sim"]))?;
    let mut test = on_virtual_time(cargo(&["test", "--locked", "--quiet"]));
    step("Raft on virtual time", test.args(PACKAGE).args(["--test", "sim", "--", "--nocapture"]))
}

/// Lints of what nothing else is built with.
pub fn lints() -> Result<()> {
    let mut lints = on_virtual_time(cargo(&["clippy", "--locked", "--quiet", "--all-targets"]));
    step("lints of the simulation of Raft", lints.args(PACKAGE).args(["--", "-D", "warnings"]))
}

fn on_virtual_time(mut command: Command) -> Command {
    command.env("RUSTFLAGS", FLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env("CARGO_TARGET_DIR", folder());
    command
}

fn folder() -> PathBuf {
    target().join("virtual")
}
