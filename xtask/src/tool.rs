//! Programs that cargo installs for us, each in one version.

use std::process::Stdio;

use anyhow::Result;

use crate::shell::{cargo, step};

/// A subcommand of cargo that is not its own.
pub struct Tool {
    /// What comes after `cargo`.
    pub name: &'static str,
    /// The version that is used.
    pub version: &'static str,
    /// Further words of its installation.
    pub options: &'static [&'static str],
    /// How long that takes, for people.
    pub takes: &'static str,
}

/// A tool runs for seconds and is built for minutes: what its authors spend on making it fast is spared.
const SOON_BUILT: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

impl Tool {
    /// Installs it where this version is missing.
    pub fn ensure(&self) -> Result<()> {
        if self.is_listed() || self.says_its_version() {
            return Ok(());
        }
        let package = format!("cargo-{}", self.name);
        let mut install = cargo(&["install", &package, "--version", self.version, "--locked", "--quiet"]);
        install.envs(SOON_BUILT);
        step(&format!("installing {package} ({}, once)", self.takes), install.args(self.options))
    }

    fn is_listed(&self) -> bool {
        let line = format!("cargo-{} v{}:", self.name, self.version);
        let listed = cargo(&["install", "--list"]).output();
        listed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).lines().any(|one| one == line))
    }

    /// One that somebody has put there in another way.
    fn says_its_version(&self) -> bool {
        let asked = cargo(&[self.name, "--version"]).stderr(Stdio::null()).output();
        asked.is_ok_and(|output| {
            output.status.success() && String::from_utf8_lossy(&output.stdout).contains(self.version)
        })
    }
}
