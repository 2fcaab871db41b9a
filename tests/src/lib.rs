//! Whole-system tests: they start the real programs, kill them, and read what they left behind.
//!
//! The programs are those that `cargo build --release` made; `cargo xtask test` builds them first.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// One of the programs, in its release build.
pub fn program(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("release").join(name);
    assert!(program.exists(), "{} is missing: `cargo xtask test` builds it first", program.display());
    program
}

/// Runs a program to its end.
pub fn run(name: &str, words: &[&str]) -> Output {
    let mut command = Command::new(program(name));
    match command.args(words).current_dir(root()).output() {
        Ok(output) => output,
        Err(error) => panic!("cannot start {name}: {error}"),
    }
}

/// The scenario that the demo plays.
pub fn demo_scenario() -> PathBuf {
    root().join("fault-injection/scenarios/demo")
}
