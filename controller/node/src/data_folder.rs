//! Whose data folder it is: what lies beside the log, so that nobody goes on with a log that is not his.
//!
//! | file | says |
//! |---|---|
//! | `site.toml` | the site that the log was founded on; a copied folder is all that an auditor needs |
//! | `replica` | whose log it is: promises that another one gave bind nobody else |

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::config::Config;

/// What the log was founded on.
pub const SITE: &str = "site.toml";
/// Whose it is.
pub const REPLICA: &str = "replica";

/// Refuses a folder of another site or of another replica; nothing is changed.
pub fn refuse_others(config: &Config, site_text: &str) -> Result<()> {
    if let Some(kept) = read(&config.data_dir, SITE)?
        && kept != site_text
    {
        bail!(
            "{}: this log was founded on another site than {}: run on the site as it was, or found a new cluster in an \
             empty data_dir",
            config.data_dir.join(SITE).display(),
            config.site.display()
        );
    }
    if let Some(kept) = read(&config.data_dir, REPLICA)?
        && kept.trim() != own(config).to_string()
    {
        bail!(
            "{}: this is the folder of replica n{}, not of n{}: give each replica its own data_dir; what it has promised binds \
             nobody else",
            config.data_dir.join(REPLICA).display(),
            kept.trim().escape_debug(),
            own(config)
        );
    }
    Ok(())
}

/// Says in the folder whose it is. What stands there is the same: [`refuse_others`] has compared it.
pub fn mark(config: &Config, site_text: &str) -> Result<()> {
    keep(&config.data_dir, SITE, site_text)?;
    keep(&config.data_dir, REPLICA, format_args!("{}\n", own(config)))
}

fn own(config: &Config) -> u16 {
    config.replica.0
}

fn read(folder: &Path, name: &str) -> Result<Option<String>> {
    let file = folder.join(name);
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{}: cannot be read", file.display())),
    }
}

fn keep(folder: &Path, name: &str, text: impl fmt::Display) -> Result<()> {
    let file = folder.join(name);
    if file.exists() {
        return Ok(());
    }
    std::fs::write(&file, text.to_string()).with_context(|| format!("{}: cannot be written", file.display()))
}
