//! Files that a configuration names, read whole: none larger than it can sensibly be, and no secret that everybody may read.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::ConfigError;

/// Most bytes of a file.
const BYTES_MAX: u64 = 1 << 20;
/// The same of one with a line for each signal of each server.
pub(super) const MAPPING_BYTES_MAX: u64 = 32 << 20;
/// What everybody may do with a file, as its mode has it.
const EVERYBODY: u32 = 0o007;

/// What is in a file of no more than a mebibyte.
pub(super) fn read(file: &Path, field: &'static str) -> Result<String, ConfigError> {
    read_up_to(BYTES_MAX, file, field)
}

pub(super) fn read_up_to(bytes_max: u64, file: &Path, field: &'static str) -> Result<String, ConfigError> {
    take(&open(file, field)?, bytes_max, file, field)
}

/// The same of a file with keys or passwords: only its owner, and a group that he chose, may use it.
pub(super) fn read_private(file: &Path, field: &'static str) -> Result<String, ConfigError> {
    let opened = open(file, field)?;
    // Asked of what was opened, which nobody can exchange meanwhile.
    let kept = opened.metadata().map_err(|error| unread(&error, file, field))?;
    let mode = kept.permissions().mode();
    if mode & EVERYBODY != 0 {
        let reason = format!("everybody on this host may use it (mode {:04o}): chmod o= it", mode & 0o7777);
        return Err(ConfigError::File { file: file.into(), field, reason });
    }
    take(&opened, BYTES_MAX, file, field)
}

fn open(file: &Path, field: &'static str) -> Result<File, ConfigError> {
    File::open(file).map_err(|error| unread(&error, file, field))
}

fn take(opened: &File, bytes_max: u64, file: &Path, field: &'static str) -> Result<String, ConfigError> {
    let mut text = String::new();
    opened.take(bytes_max + 1).read_to_string(&mut text).map_err(|error| unread(&error, file, field))?;
    if text.len() as u64 > bytes_max {
        let reason = format!("is larger than {bytes_max} bytes");
        return Err(ConfigError::File { file: file.into(), field, reason });
    }
    Ok(text)
}

fn unread(error: &std::io::Error, file: &Path, field: &'static str) -> ConfigError {
    ConfigError::File { file: file.into(), field, reason: format!("cannot be read: {error}") }
}
