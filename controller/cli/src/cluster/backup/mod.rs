//! A replica's folder, copied so that it can be trusted later: by itself consistent, with the sum of every file.
//!
//! ```text
//!  backup/  backup.json   whose it is and how far it goes
//!           SHA256SUMS    every other file, as `sha256sum -c` reads it
//!           site.toml, log/, snapshot/, audit/    as in the replica's folder; no key is ever in there
//! ```

pub mod restore;
mod sums;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use ridethrough_raft::contents::{Contents, contents};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

use self::sums::Sums;
use crate::output::{Output, hex};

/// What a backup says of itself.
const ABOUT: &str = "backup.json";
/// The version of this layout.
const FORMAT: u32 = 1;
/// A replica that writes meanwhile may take a snapshot between two copies; then it is copied again.
const ATTEMPTS_MAX: u32 = 3;

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    format: u32,
    /// The cluster's id, 32 hexadecimal digits.
    cluster: String,
    made_unix_s: u64,
    term: u64,
    first_index: Option<u64>,
    last_index: Option<u64>,
    committed_index: Option<u64>,
    snapshot_index: Option<u64>,
}

impl About {
    fn of(found: &Contents) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            format: FORMAT,
            cluster: hex(&found.cluster),
            made_unix_s: since.as_secs(),
            term: found.term,
            first_index: found.first_index,
            last_index: found.last_index,
            committed_index: found.committed_index,
            snapshot_index: found.snapshot_index,
        }
    }
}

/// Copies the folder of a replica, running or stopped, into a new folder. What is half-done never has the name.
pub fn take(data_dir: &Path, to: &Path, output: Output) -> Result<bool> {
    if fs::symlink_metadata(to).is_ok() {
        bail!("{}: is there already, and nothing is ever written over", to.display());
    }
    let made = folder_beside(to)?;
    let found = copy_until_sound(data_dir, made.path())?;
    let about = serde_json::to_string_pretty(&About::of(&found))? + "\n";
    fs::write(made.path().join(ABOUT), about).with_context(|| to.display().to_string())?;
    let sums = Sums::of(made.path())?;
    sums.write(made.path())?;
    put_in_place(made, to)?;
    let told = json!({
        "backup": to, "cluster": hex(&found.cluster), "term": found.term, "first_index": found.first_index, "last_index": found.last_index,
        "committed_index": found.committed_index, "snapshot_index": found.snapshot_index, "files": sums.len(),
    });
    output.print(&told, || {
        let number = |index: Option<u64>| index.map_or_else(|| "-".into(), |index| index.to_string());
        format!(
            "done      {}: {} files of cluster {}\nlog       first {}, last {}, committed {}, snapshot {}, term {}\n",
            to.display(),
            sums.len(),
            hex(&found.cluster),
            number(found.first_index),
            number(found.last_index),
            number(found.committed_index),
            number(found.snapshot_index),
            found.term
        )
    })?;
    Ok(true)
}

fn copy_until_sound(data_dir: &Path, to: &Path) -> Result<Contents> {
    let mut attempt = 1;
    loop {
        let copied = copy(data_dir, to).and_then(|()| Ok(contents(to)?));
        match copied {
            Err(_) if attempt < ATTEMPTS_MAX => attempt += 1,
            copied => return copied.with_context(|| format!("{}: no sound copy", data_dir.display())),
        }
        for below in ["audit", "snapshot", "log"] {
            match fs::remove_dir_all(to.join(below)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
    }
}

/// In this order: what is copied later reaches at least as far as what vouches for it, but for the snapshot, which must
/// hold whatever the log says is purged; that is looked at afterwards.
fn copy(data_dir: &Path, to: &Path) -> Result<()> {
    copy_file(&data_dir.join("site.toml"), &to.join("site.toml"))?;
    copy_tree(&data_dir.join("audit"), &to.join("audit"), &|file| !has(file, "tmp"))?;
    copy_tree(&data_dir.join("snapshot"), &to.join("snapshot"), &|file| has(file, "bin"))?;
    let of_the_log = |file: &Path| has(file, "seg") || file.file_name().is_some_and(|name| name == "base");
    copy_tree(&data_dir.join("log"), &to.join("log"), &of_the_log)
}

/// Whether a file's name ends so.
fn has(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|found| found == extension)
}

/// Copies the files that are wanted; a folder that is not there is none to copy.
fn copy_tree(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
    let listed = match fs::read_dir(from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        listed => listed.with_context(|| from.display().to_string())?,
    };
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    // In the order of their names, which is that of the segments.
    let mut items = listed.map(|item| Ok(item?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    items.sort_unstable();
    for item in items {
        let Some(name) = item.file_name().and_then(|name| name.to_str()) else { continue };
        if item.is_dir() {
            copy_tree(&item, &to.join(name), wanted)?;
        } else if wanted(&item) {
            copy_file(&item, &to.join(name))?;
        }
    }
    File::open(to).and_then(|dir| dir.sync_all()).with_context(|| to.display().to_string())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
    copied.with_context(|| format!("{}: cannot be copied", from.display()))
}

/// A new folder, for its owner alone, beside where it will have its name.
fn folder_beside(path: &Path) -> Result<TempDir> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = tempfile::Builder::new().prefix(".ridectl-").tempdir_in(parent);
    made.with_context(|| format!("{}: cannot be written to", parent.display()))
}

/// Gives a folder that is whole its name.
fn put_in_place(made: TempDir, to: &Path) -> Result<()> {
    let synced = File::open(made.path()).and_then(|dir| dir.sync_all());
    synced.with_context(|| to.display().to_string())?;
    // Fails where something has taken the name meanwhile, unless that is an empty folder.
    fs::rename(made.path(), to).with_context(|| to.display().to_string())?;
    // It is not to be removed: it has another name.
    let _ = made.keep();
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|dir| dir.sync_all()).with_context(|| parent.display().to_string())
}

#[cfg(test)]
mod tests;
