//! `cargo xtask package`: Debian packages of programs that were built, with what `ridectl` tells of itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, step, target};
use crate::{auditable, sbom};

/// The version of cargo-deb that the manifests were written for.
const DEB_VERSION: &str = "3.8.0";
/// The crates that are packages.
const PACKAGES: [&str; 2] = ["ridethrough-node", "ridethrough-fault-injection"];
/// Shells, and how they call what they complete.
const SHELLS: [(&str, &str); 3] = [("bash", "ridectl"), ("zsh", "_ridectl"), ("fish", "ridectl.fish")];

/// Builds in release mode, or with `--debug` as for tests, and packages that.
pub fn run(options: &[String]) -> Result<()> {
    let (profile, built) = match options {
        [] => ("release", "release"),
        [debug] if debug == "--debug" => ("dev", "debug"),
        _ => bail!("usage: cargo xtask package [--debug]"),
    };
    auditable::ensure()?;
    // Always the whole workspace: another choice of packages would choose other features of what they share.
    let words = ["build", "--workspace", "--bins", "--locked", "--profile", profile];
    step("building (minutes the first time)", &mut auditable::cargo(&words))?;
    let folder = of(profile, built)?;
    eprintln!("packages lie in {}", folder.display());
    Ok(())
}

/// Packages what was built with this profile into this folder of the target folder. It must tell what it is made of
/// ([`auditable::cargo`]).
pub fn of(profile: &str, built: &str) -> Result<PathBuf> {
    ensure_tool()?;
    let programs = target().join(built);
    let folder = programs.join("package");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    describe(&programs, &folder)?;
    sbom::write(&programs, &folder)?;
    for package in PACKAGES {
        let words =
            ["deb", "--no-build", "--quiet", "--locked", "--offline", "--profile", profile, "--package", package];
        let mut command = cargo(&words);
        // Symbols stay: a panic in production tells its lines.
        command.arg("--no-strip").arg("--output").arg(&folder);
        if profile == "dev" {
            // For tests: it need not be small.
            command.arg("--fast");
        }
        step(&format!("packaging {package}"), &mut command)?;
    }
    Ok(folder)
}

/// Manual pages and completions.
fn describe(programs: &Path, folder: &Path) -> Result<()> {
    let ridectl = programs.join("ridectl");
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    step("manual pages", Command::new(&ridectl).arg("man").arg(&man))?;
    for (shell, name) in SHELLS {
        let file = completions.join(name);
        let file = File::create(&file).with_context(|| format!("cannot write {}", file.display()))?;
        step(&format!("completions for {shell}"), Command::new(&ridectl).args(["completions", shell]).stdout(file))?;
    }
    Ok(())
}

fn ensure_tool() -> Result<()> {
    let asked = cargo(&["deb", "--version"]).stderr(Stdio::null()).output();
    let is_there = asked
        .is_ok_and(|output| output.status.success() && String::from_utf8_lossy(&output.stdout).contains(DEB_VERSION));
    if is_there {
        return Ok(());
    }
    let words = ["install", "cargo-deb", "--version", DEB_VERSION, "--locked", "--no-default-features", "--quiet"];
    step("installing cargo-deb (minutes, once)", &mut cargo(&words))
}
