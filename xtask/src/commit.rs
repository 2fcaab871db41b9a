//! `cargo bench-commit`: replicated commits beside etcd, which is fetched where that is possible.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::debian;
use crate::shell::{cargo, step};

/// Builds the bench with its client of etcd and runs it with the given options; its exit status is the bench's.
pub fn bench(options: &[String]) -> Result<ExitCode> {
    prepare();
    let status = command().arg("--").args(options).status().context("cannot start the bench")?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// The same, so short that its numbers mean little.
pub fn short() -> Result<()> {
    prepare();
    step("short bench of commits", command().args(["--", "--quick"]))
}

/// Without etcd the bench measures the rest and says so.
fn prepare() {
    if let Err(error) = debian::ensure_unpacked(debian::ETCD) {
        eprintln!("xtask: {error:#}\nxtask: going on without etcd");
    }
}

fn command() -> Command {
    let package = ["--package", "ridethrough-commit-bench", "--bench", "commit", "--features", "etcd"];
    let mut command = cargo(&["bench", "--quiet", "--locked"]);
    command.args(package);
    command
}
