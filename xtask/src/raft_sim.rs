//! `cargo sim-raft`: openraft and all that is built around it on virtual time (`raft/faults`).
//!
//! tokio draws at random whom it wakes first, and takes a seed for that only with `--cfg tokio_unstable`. With another `cfg`
//! everything is built anew, so it is built as for another machine: it lies in a folder of its own, nothing that ships is built
//! with it, and macros, which run in the compiler, are built once for both.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, step, target};

/// What the compiler is told for the simulation.
pub const FLAGS: &str = "--cfg tokio_unstable";
/// Its package, and what of it.
pub const PACKAGE: [&str; 4] = ["--package", "ridethrough-raft-faults", "--features", "sim"];

/// Builds the simulation in release mode and runs it with these options.
pub fn run(options: &[String]) -> Result<ExitCode> {
    let mut build = on_virtual_time(&["build", "--release", "--locked", "--quiet"])?;
    step("building the simulation of Raft (minutes, once)", build.args(PACKAGE))?;
    let program = folder()?.join("release/raft-sim");
    let ended = Command::new(&program).args(options).status();
    let ended = ended.with_context(|| format!("cannot start {}", program.display()))?;
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Its tests: that seeds repeat, a fixed slice of them, and another one each time.
pub fn slice() -> Result<()> {
    let mut build = on_virtual_time(&["test", "--locked", "--quiet", "--no-run"])?;
    step("building the simulation of Raft", build.args(PACKAGE).args(["--test", "sim"]))?;
    let mut test = on_virtual_time(&["test", "--locked", "--quiet"])?;
    step("Raft on virtual time", test.args(PACKAGE).args(["--test", "sim", "--", "--nocapture"]))
}

/// Lints of what nothing else is built with.
pub fn lints() -> Result<()> {
    let mut lints = on_virtual_time(&["clippy", "--locked", "--quiet", "--all-targets"])?;
    step("lints of the simulation of Raft", lints.args(PACKAGE).args(["--", "-D", "warnings"]))
}

fn on_virtual_time(words: &[&str]) -> Result<Command> {
    let mut command = cargo(words);
    command.env("RUSTFLAGS", FLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.arg("--target").arg(this_machine()?);
    Ok(command)
}

fn folder() -> Result<PathBuf> {
    Ok(target().join(this_machine()?))
}

/// What the compiler calls this machine.
fn this_machine() -> Result<String> {
    let told = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let Some(host) = told.lines().find_map(|line| line.strip_prefix("host: ")) else {
        bail!("rustc does not say for which machine it compiles: {told}");
    };
    Ok(host.to_owned())
}
