//! `cargo demo`, `cargo outcome`, `cargo drill`, `cargo bench-reaction` and ours of `cargo bench-failover`: set up, build in release mode, hand over to
//! `drill`.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::runtime;
use crate::shell::{cargo, root, step, target};

/// Builds the three programs and runs this command of `drill` with the given options; its exit status is the drill's.
pub fn run(command: &str, options: &[String]) -> Result<ExitCode> {
    let mut drill = prepared(command, options)?;
    let status = drill.status().with_context(|| format!("cannot start {drill:?}"))?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// The same, not yet started.
pub fn prepared(command: &str, options: &[String]) -> Result<Command> {
    if let Err(error) = runtime::ensure() {
        eprintln!("xtask: {error:#}\nxtask: going on without a model: forecasts will come from the rule");
    }
    build()?;
    let mut drill = Command::new(target().join("release/drill"));
    drill.arg(command).args(options).current_dir(root());
    Ok(drill)
}

/// A leader killed and frozen a few times, with the programs in this folder.
pub fn short_failover(programs: &Path) -> Result<()> {
    let mut drill = Command::new(programs.join("drill"));
    step("short failovers", drill.args(["failover", "--quick", "--pace", "steady"]).current_dir(root()))
}

/// Names another build of `ridethroughd` for the drills that mix two: which one it should be, a release says, not we.
const OTHER_PROGRAM: &str = "RIDETHROUGH_OTHER_PROGRAM";

/// Every drill that there is, one after the other, as released; the first that does not hold ends it. Those that mix two programs
/// are left out, and said to be, unless another one is named.
pub fn all_drills() -> Result<()> {
    let other = std::env::var_os(OTHER_PROGRAM);
    let folder = root().join("fault-injection/scenarios/drills");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    for file in files {
        let mut drill = Command::new(target().join("release/drill"));
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        drill.args(["run", &name]).current_dir(root());
        if std::fs::read_to_string(&file)?.contains("\"other_program\"") {
            let Some(other) = &other else {
                eprintln!("xtask: drill {name} is left out: {OTHER_PROGRAM} names no other build of ridethroughd");
                continue;
            };
            drill.arg("--with").arg(other);
        }
        step(&format!("drill {name}"), &mut drill)?;
    }
    Ok(())
}

/// A few racks of a small site over their limits; the programs must have been built.
pub fn short_reaction() -> Result<()> {
    let mut drill = Command::new(target().join("release/drill"));
    step("short reactions", drill.args(["reaction", "--quick"]).current_dir(root()))
}

/// Builds `ridethroughd`, `ridectl` and `drill` in release mode. Always the whole workspace: another choice of packages
/// would choose other features of what they share, and build that again.
pub fn build() -> Result<()> {
    let mut command = cargo(&["build", "--release", "--workspace", "--bins", "--locked"]);
    step("building in release mode (minutes the first time)", &mut command)
}
