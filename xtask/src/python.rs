//! Environments of pinned Python packages, below `.runtime`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{root, step};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Environment {
    /// Its folder below `.runtime`.
    pub name: &'static str,
    /// The file that pins its packages, each by the checksums of its wheels.
    pub requirements: &'static str,
    /// What fetching them is, for people.
    pub fetching: &'static str,
}

/// What DMTF checks Redfish services with.
pub const REDFISH: Environment = Environment {
    name: "redfish",
    requirements: "tests/redfish/requirements.txt",
    fetching: "fetching DMTF's Redfish library and validator (about 20 MB, once)",
};

/// What judges bills of materials by the official schema.
pub const CYCLONEDX: Environment = Environment {
    name: "cyclonedx",
    requirements: "tests/sbom/requirements.txt",
    fetching: "fetching OWASP's CycloneDX library (about 5 MB, once)",
};

/// The Python of an environment, which is made anew when its file has changed.
pub fn ensure(environment: Environment) -> Result<PathBuf> {
    let home = root().join(".runtime").join(environment.name);
    let (python, stamp) = (home.join("bin/python"), home.join("requirements.txt"));
    let wanted = root().join(environment.requirements);
    let text = fs::read_to_string(&wanted)?;
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(python);
    }
    let mut venv = Command::new("python3");
    step("making an environment for Python", venv.args(["-m", "venv", "--clear"]).arg(&home))
        .context("python3 with venv is needed")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement"]);
    step(environment.fetching, pip.arg(&wanted))?;
    fs::write(stamp, text)?;
    Ok(python)
}
