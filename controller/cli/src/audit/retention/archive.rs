//! `ridectl audit archive`: what is sealed of a replica's log, copied where it is kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ridethrough_raft::audit_stream::survey;
use ridethrough_raft::retention::{Sealed, base, checkpoints, sealed};
use serde::Serialize;

use super::{LOG, keep, sync_folder};
use crate::output::Output;

/// Beside the log: what it was founded on, and whose it is.
const ABOUT: [&str; 2] = ["site.toml", "replica"];

#[derive(Default, Serialize)]
struct Report {
    archive: PathBuf,
    segments: usize,
    segments_copied: usize,
    bytes_copied: u64,
    checkpoints_copied: usize,
    /// The first and the last entry in the archive that are known to be committed.
    first_index: Option<u64>,
    last_index: Option<u64>,
}

/// Brings an archive up to what is sealed in the folder of a replica, running or stopped. What is there already is
/// compared, byte for byte.
pub fn archive(data_dir: &Path, to: &Path, output: Output) -> Result<bool> {
    refuse_inside(data_dir, to)?;
    let sealed = sealed(data_dir)?;
    let (Some(newest), log) = (sealed.last(), to.join(LOG)) else {
        return nothing_yet(data_dir, to, output);
    };
    fs::create_dir_all(&log).with_context(|| log.display().to_string())?;
    for name in ABOUT.iter().filter(|name| data_dir.join(name).exists()) {
        keep(&data_dir.join(name), &to.join(name)).with_context(|| "this is the archive of another log")?;
    }
    begin_after_what_was_removed(data_dir, &log)?;
    let copied = copy_segments(&sealed, &log)?;
    let found = survey(to).with_context(|| format!("{}: is not whole after this", to.display()))?;
    // What comes after may still be dropped; a checkpoint of it would be of other entries then.
    let committed = found.committed_index.map_or(0, |last| last.saturating_add(1)).min(newest.next_index);
    let checkpoints_copied = copy_checkpoints(data_dir, to, committed)?;
    let listed = fs::read_dir(&log)?.map(|item| Ok(item?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    let segments = listed.iter().filter(|file| file.extension().is_some_and(|found| found == "seg")).count();
    let report = Report {
        archive: to.to_path_buf(),
        segments,
        segments_copied: copied.len(),
        bytes_copied: copied.iter().sum(),
        checkpoints_copied,
        first_index: found.first_index,
        last_index: committed.checked_sub(1),
    };
    output.print(&report, || words(&report))?;
    Ok(true)
}

/// A folder within what is to be emptied is no archive.
fn refuse_inside(data_dir: &Path, to: &Path) -> Result<()> {
    let data_dir = fs::canonicalize(data_dir).with_context(|| data_dir.display().to_string())?;
    let there = to.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if fs::canonicalize(there).is_ok_and(|there| there.starts_with(&data_dir)) {
        bail!(
            "{}: lies in the replica's own folder: name one elsewhere, better on another machine's disk",
            to.display()
        );
    }
    Ok(())
}

fn nothing_yet(data_dir: &Path, to: &Path, output: Output) -> Result<bool> {
    let report = Report { archive: to.to_path_buf(), ..Report::default() };
    output.print(&report, || format!("nothing   is sealed in {} yet\n", data_dir.display()))?;
    Ok(true)
}

/// An archive that is begun after older segments went elsewhere says so, as the log does.
fn begin_after_what_was_removed(data_dir: &Path, log: &Path) -> Result<()> {
    let empty = fs::read_dir(log)?.next().is_none();
    if let Some(base) = base(data_dir).filter(|_| empty) {
        keep(&base, &log.join(base.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// Copies those that are not there; answers how long each of them is.
fn copy_segments(sealed: &[Sealed], log: &Path) -> Result<Vec<u64>> {
    let mut copied = Vec::new();
    for segment in sealed {
        let name = segment.file.file_name().unwrap_or_default();
        if keep(&segment.file, &log.join(name))? {
            copied.push(segment.bytes);
        }
    }
    sync_folder(log)?;
    Ok(copied)
}

fn copy_checkpoints(data_dir: &Path, to: &Path, entries: u64) -> Result<usize> {
    let mut copied = 0;
    let listed = checkpoints(data_dir, entries).with_context(|| data_dir.display().to_string())?;
    for file in &listed {
        copied += usize::from(keep(&data_dir.join(file), &to.join(file))?);
    }
    let folders: std::collections::BTreeSet<&Path> = listed.iter().filter_map(|file| file.parent()).collect();
    folders.into_iter().try_for_each(|folder| sync_folder(&to.join(folder)))?;
    Ok(copied)
}

fn words(report: &Report) -> String {
    let number = |index: Option<u64>| index.map_or_else(|| "-".into(), |index| index.to_string());
    format!(
        "done      {}: {} sealed segments, {} of them new ({} MiB), {} new files of checkpoints\nlog       entries {} to {}\n",
        report.archive.display(),
        report.segments,
        report.segments_copied,
        report.bytes_copied >> 20,
        report.checkpoints_copied,
        number(report.first_index),
        number(report.last_index),
    )
}
