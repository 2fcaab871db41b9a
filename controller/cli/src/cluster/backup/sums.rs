//! The sums of a backup's files, in the form that `sha256sum -c` reads.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::output::hex;

/// The file with the sums.
const SUMS: &str = "SHA256SUMS";
/// Most bytes of it.
const SUMS_BYTES_MAX: u64 = 64 << 20;
const CHUNK_BYTES: usize = 1 << 20;

/// A sum for each file, by its path below the backup.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sums(BTreeMap<String, String>);

impl Sums {
    /// The sums of all files below a folder, but for the file of the sums.
    pub(super) fn of(dir: &Path) -> Result<Self> {
        let mut sums = BTreeMap::new();
        add(dir, "", &mut sums)?;
        sums.remove(SUMS);
        Ok(Self(sums))
    }

    /// The sums that a backup says its files have.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let file = dir.join(SUMS);
        let opened =
            File::open(&file).with_context(|| format!("{}: cannot be read; is this a backup?", file.display()))?;
        let mut text = String::new();
        opened.take(SUMS_BYTES_MAX).read_to_string(&mut text).with_context(|| file.display().to_string())?;
        let mut sums = BTreeMap::new();
        for (line, text) in text.lines().enumerate() {
            let Some((sum, path)) = text.split_once("  ").filter(|(sum, path)| is_sum(sum) && is_below(path)) else {
                bail!(
                    "{}:{}: expected 64 hexadecimal digits, two blanks and a path below the backup",
                    file.display(),
                    line + 1
                );
            };
            if sums.insert(path.to_owned(), sum.to_owned()).is_some() {
                bail!("{}:{}: {path} is listed twice", file.display(), line + 1);
            }
        }
        Ok(Self(sums))
    }

    /// Fails with the first file whose sum differs, that is missing, or that nobody has listed.
    pub(super) fn check(&self, dir: &Path) -> Result<()> {
        let found = Self::of(dir)?;
        for (path, sum) in &self.0 {
            match found.0.get(path) {
                None => bail!("{}: is missing", dir.join(path).display()),
                Some(other) if other != sum => {
                    bail!("{}: is damaged: its SHA-256 is another", dir.join(path).display())
                }
                Some(_) => {}
            }
        }
        match found.0.keys().find(|path| !self.0.contains_key(*path)) {
            Some(path) => bail!("{}: is no part of the backup", dir.join(path).display()),
            None => Ok(()),
        }
    }

    /// Writes the file of the sums.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let text: String = self.0.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect();
        let file = dir.join(SUMS);
        let written = fs::write(&file, text).and_then(|()| File::open(&file)?.sync_all());
        written.with_context(|| file.display().to_string())
    }

    /// How many files.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The paths of all files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A path that leads nowhere else, whoever wrote it.
fn is_below(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

fn add(dir: &Path, below: &str, sums: &mut BTreeMap<String, String>) -> Result<()> {
    for item in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let item = item?;
        let name = item.file_name();
        let Some(name) = name.to_str() else { bail!("{}: a name that is no text", item.path().display()) };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        // Not followed: what a link leads to is no part of a backup.
        let kind = item.file_type()?;
        if kind.is_dir() {
            add(&item.path(), &path, sums)?;
        } else if kind.is_file() {
            sums.insert(path, sum(&item.path())?);
        } else {
            bail!("{}: is neither a file nor a folder", item.path().display());
        }
    }
    Ok(())
}

fn sum(file: &Path) -> Result<String> {
    let named = || format!("{}: cannot be read", file.display());
    let mut opened = File::open(file).with_context(named)?;
    let (mut digest, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
    loop {
        match opened.read(&mut chunk).with_context(named)? {
            0 => return Ok(hex(&digest.finalize())),
            bytes => digest.update(&chunk[..bytes]),
        }
    }
}
