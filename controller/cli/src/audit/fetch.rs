//! `ridectl audit fetch`: the logs of running replicas, copied here so that every command of the audit can read them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Component, Path};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ask::{All, One};
use crate::output::Output;

/// What takes longer says how far it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest file that is taken: a segment and the record that goes beyond it. What a replica says is not believed.
const FILE_BYTES_MAX: u64 = 128 << 20;

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Fetched {
    replica: String,
    files: usize,
    /// How many of them are new or were taken again.
    files_fetched: usize,
    bytes_fetched: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Copies the log and the newest checkpoint of each replica into a folder of its name below `to`; what is sealed and was
/// copied before is not copied again. False when one of them was not reached or broke off.
pub fn run(all: &All, to: &Path, output: Output) -> Result<bool> {
    let told: Vec<Fetched> = all.each().map(|one| fetch(&one, &to.join(one.name()))).collect();
    output.print(&told, || told.iter().map(words).collect())?;
    Ok(told.iter().all(|one| one.error.is_none()))
}

fn fetch(one: &One<'_>, to: &Path) -> Fetched {
    let mut fetched = Fetched { replica: one.name(), files: 0, files_fetched: 0, bytes_fetched: 0, error: None };
    fetched.error = fetch_all(one, to, &mut fetched).err().map(|error| format!("{error:#}"));
    fetched
}

fn fetch_all(one: &One<'_>, to: &Path, fetched: &mut Fetched) -> Result<()> {
    let listed: Vec<Listed> = serde_json::from_value(one.ask(&json!({ "command": "evidence" }))?["files"].take())
        .with_context(|| format!("{}: its list of files", one.name()))?;
    let begun = Instant::now();
    let kept = kept(to)?;
    // What stands for removed segments is none of a copy that has them.
    let wanted: Vec<&Listed> = listed
        .iter()
        .filter(|file| !kept.contains(&file.name) && (file.name != "log/base" || kept.is_empty()))
        .collect();
    fetched.files = listed.len();
    for (place, file) in wanted.iter().enumerate() {
        if begun.elapsed() > PATIENCE {
            eprintln!("{}: {} of {} files, {}", one.name(), place, wanted.len(), file.name);
        }
        fetched.bytes_fetched += copy(one, file, to)?;
        fetched.files_fetched += 1;
    }
    Ok(())
}

/// Segments that were sealed when they were copied: all but the newest of each copy.
fn kept(to: &Path) -> Result<BTreeSet<String>> {
    let listed = match fs::read_dir(to.join("log")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        listed => listed.with_context(|| to.display().to_string())?,
    };
    let names = listed.map(|item| Ok(item?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    let is_segment = |name: &&str| Path::new(name).extension().is_some_and(|found| found == "seg");
    let segments = names.iter().filter_map(|name| name.to_str()).filter(is_segment);
    let mut kept: BTreeSet<String> = segments.map(|name| format!("log/{name}")).collect();
    kept.pop_last();
    Ok(kept)
}

/// Copies one file; one that breaks off is not there under its name.
fn copy(one: &One<'_>, file: &Listed, to: &Path) -> Result<u64> {
    let target = to.join(inside(&file.name)?);
    let folder = target.parent().unwrap_or(to);
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    if file.bytes > FILE_BYTES_MAX {
        bail!("{}: {} of {} bytes is not taken", one.name(), file.name, file.bytes);
    }
    let new = target.with_extension("tmp");
    let mut out = File::create(&new).with_context(|| new.display().to_string())?;
    let mut offset = 0;
    while offset < file.bytes {
        let told = one.ask(&json!({ "command": "piece", "name": file.name, "offset": offset }))?;
        let piece = told["data"].as_str().and_then(|data| STANDARD.decode(data).ok());
        let piece = piece.filter(|piece| !piece.is_empty());
        let piece = piece.with_context(|| format!("{}: {} breaks off at {offset}", one.name(), file.name))?;
        out.write_all(&piece).with_context(|| new.display().to_string())?;
        offset += piece.len() as u64;
    }
    out.sync_all().and_then(|()| fs::rename(&new, &target)).with_context(|| target.display().to_string())?;
    Ok(offset)
}

/// A name that leads nowhere but below the folder.
fn inside(name: &str) -> Result<&Path> {
    let path = Path::new(name);
    let plain = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain { Ok(path) } else { bail!("`{}` is no name of a file in a replica's folder", name.escape_debug()) }
}

fn words(told: &Fetched) -> String {
    let Fetched { replica, files, files_fetched, bytes_fetched, error } = told;
    let head = format!("{replica:<9} {files} files, {files_fetched} of them fetched ({} MiB)", bytes_fetched >> 20);
    match error {
        None => format!("{head}\n"),
        Some(error) => format!("{head}; NOT WHOLE: {error}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_was_taken_over_writes_nowhere_else() {
        for name in ["", "/etc/passwd", "../n2/log/base", "log/../../x", "."] {
            assert!(inside(name).is_err(), "{name}");
        }
        assert!(inside("log/log-00000000000000000001.seg").is_ok());
    }

    #[test]
    fn all_segments_but_the_newest_are_kept() {
        let home = tempfile::tempdir().expect("a folder");
        assert!(kept(home.path()).expect("absent").is_empty());
        fs::create_dir(home.path().join("log")).expect("room");
        for name in ["log-00000000000000000001.seg", "log-00000000000000000007.seg", "base", "log-9.tmp"] {
            fs::write(home.path().join("log").join(name), "x").expect("room");
        }
        let found = kept(home.path()).expect("listed");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["log/log-00000000000000000001.seg"]);
    }
}
