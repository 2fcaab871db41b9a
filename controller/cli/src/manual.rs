//! What packages ship beside the program: its manual pages and what shells complete. Not for people, hence hidden.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clap_complete::Shell;

/// Where to write the pages.
#[derive(Debug, Args)]
pub struct Pages {
    /// The folder, which must be there.
    folder: PathBuf,
}

/// Which shell is to complete.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

/// A page for the program and for each of its commands.
pub fn pages(asked: &Pages, program: clap::Command) -> Result<bool> {
    clap_mangen::generate_to(program, &asked.folder)
        .with_context(|| format!("{}: cannot be written to", asked.folder.display()))?;
    Ok(true)
}

/// What the shell completes, on standard output.
pub fn completions(asked: &Completions, mut program: clap::Command) -> bool {
    clap_complete::generate(asked.shell, &mut program, "ridectl", &mut std::io::stdout());
    true
}
