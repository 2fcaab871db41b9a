//! Programs that tell what they are made of: cargo-auditable has the linker put each one's list of dependencies into a section
//! (`.dep-v0`), where scanners such as `cargo audit bin`, syft and trivy look for it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::shell::cargo as plain;
use crate::tool::Tool;

/// What programs are built with.
pub const TOOL: Tool = Tool { name: "auditable", version: "0.7.7", options: &[], takes: "a minute" };

/// This toolchain's cargo, building so. With it and without are two builds of the whole workspace: who builds so tests so.
pub fn cargo(words: &[&str]) -> Command {
    let mut command = plain(&["auditable"]);
    command.args(words);
    command
}

/// What a program tells of itself.
pub fn read(program: &Path) -> Result<Value> {
    let told = auditable_info::json_from_file(program, auditable_info::Limits::default());
    let told = told.map_err(|error| anyhow!("{error}: build it with `cargo auditable build`"));
    let told = told.with_context(|| format!("{} does not tell what it is made of", program.display()))?;
    serde_json::from_str(&told).with_context(|| program.display().to_string())
}
