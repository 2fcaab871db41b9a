//! `ridectl audit archive` and `prune`: sealed segments of a log, kept elsewhere and no longer here.
//!
//! ```text
//!  archive/  site.toml, replica    whose log it is
//!            log/                  sealed segments, byte for byte
//!            audit/                checkpoints and tiles of what those hold
//! ```
//!
//! An archive is laid out as a replica's folder, so that every command of the audit reads it alone, too.

mod archive;
mod prune;

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};

pub use archive::archive;
pub use prune::{Prune, prune};

/// Where the segments lie below either folder.
const LOG: &str = "log";
const CHUNK_BYTES: usize = 1 << 20;

/// Whether two files hold the same; a file that is not there is the same as none.
fn alike(one: &Path, other: &Path) -> Result<bool> {
    let open = |file: &Path| match File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some).with_context(|| format!("{}: cannot be read", file.display())),
    };
    let (Some(mut one), Some(mut other)) = (open(one)?, open(other)?) else { return Ok(false) };
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        match other.read_exact(&mut right[..read]) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        if left[..read] != right[..read] {
            return Ok(false);
        }
    }
}

/// Makes `to` what `from` is, unless it is that already; says whether it had to. What is there and differs is evidence of
/// something, and is never written over.
fn keep(from: &Path, to: &Path) -> Result<bool> {
    if to.exists() {
        if alike(from, to)? {
            return Ok(false);
        }
        bail!("{}: is not what {} holds, and nothing is ever written over", to.display(), from.display());
    }
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    // A crash leaves all of a file under its name or nothing.
    let new = to.with_extension("tmp");
    let copied = fs::copy(from, &new).and_then(|_| File::open(&new)?.sync_all()).and_then(|()| fs::rename(&new, to));
    copied.with_context(|| format!("{}: cannot be copied to {}", from.display(), to.display()))?;
    Ok(true)
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| folder.display().to_string())
}
