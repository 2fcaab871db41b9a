//! `cargo xtask package`: Debian packages of programs that were built, with what `ridectl` tells of itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, step, target};
use crate::tool::Tool;
use crate::{auditable, sbom};

/// What the manifests were written for.
const DEB: Tool = Tool { name: "deb", version: "3.8.0", options: &["--no-default-features"], takes: "minutes" };
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
    auditable::TOOL.ensure()?;
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
    DEB.ensure()?;
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
