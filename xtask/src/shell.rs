//! Running programs and saying how long they took.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into)
}

/// This toolchain's cargo, at the root.
pub fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(root());
    command
}

/// Runs to the end, with a line before and after.
pub fn step(what: &str, command: &mut Command) -> Result<()> {
    eprintln!("==> {what}");
    let begun = Instant::now();
    let status = command.status().with_context(|| format!("{what}: cannot start {command:?}"))?;
    let seconds = begun.elapsed().as_secs();
    if !status.success() {
        bail!("{what} failed after {seconds} s ({status})");
    }
    eprintln!("    {what}: done in {seconds} s");
    Ok(())
}
