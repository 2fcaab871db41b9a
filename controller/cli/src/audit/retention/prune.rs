//! `ridectl audit prune`: removes from a replica's folder what an archive holds and witnesses have signed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::slice::from_ref;

use anyhow::{Context, Result, bail};
use clap::Args;
use ridethrough_raft::audit_tree::verify::verify;
use ridethrough_raft::contents::contents;
use ridethrough_raft::retention::{self, ARCHIVE, Sealed, prunable, sealed_count};
use ridethrough_witness::WitnessKey;
use serde::Serialize;

use super::{LOG, alike, sync_folder};
use crate::output::Output;

/// What to remove.
#[derive(Debug, Args)]
pub struct Prune {
    /// The replica's data folder; it may be running.
    #[arg(long, value_name = "DIR", env = "RIDETHROUGH_DATA_DIR")]
    pub data_dir: PathBuf,
    /// The archive, as `ridectl audit archive` made it.
    #[arg(long, value_name = "DIR")]
    pub archive: PathBuf,
    /// A witness's public key, as `ridectl audit keygen` prints it.
    #[arg(long, value_name = "VKEY", num_args = 1.., required = true)]
    pub witness: Vec<WitnessKey>,
    /// How many sealed segments, of 16 MiB each, stay in any case.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub keep: usize,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Serialize)]
struct Report {
    removed: Vec<String>,
    bytes: u64,
    dry_run: bool,
    /// The first entry that is still in the replica's own folder; none when nothing was removed.
    first_index: Option<u64>,
    signed_entries: u64,
    /// Why no more than that.
    stays: Option<&'static str>,
    faults: Vec<String>,
}

/// Removes the oldest segments that the replica needs no more, that are signed, and that the archive holds byte for byte.
/// False when the archive is not what was signed: then nothing is removed.
pub fn prune(wanted: &Prune, output: Output) -> Result<bool> {
    let (data_dir, archive) = (&wanted.data_dir, &wanted.archive);
    let link = link(data_dir, archive)?;
    let verified = verify(from_ref(archive), &wanted.witness)?;
    let signed_entries = verified.signed_entries;
    let mut report = Report {
        removed: Vec::new(),
        bytes: 0,
        dry_run: wanted.dry_run,
        first_index: None,
        signed_entries,
        stays: None,
        faults: verified.faults.iter().map(ToString::to_string).collect(),
    };
    if verified.holds() {
        let (may, stays) = removable(wanted, signed_entries)?;
        report.stays = stays;
        let gone = if wanted.dry_run { may } else { remove(data_dir, archive, link, may.len())? };
        report.first_index = gone.last().map(|last| last.next_index);
        report.bytes = gone.iter().map(|segment| segment.bytes).sum();
        report.removed = gone.iter().map(name).collect();
    }
    output.print(&report, || words(&report))?;
    Ok(report.faults.is_empty())
}

fn name(segment: &Sealed) -> String {
    segment.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What may go, and what keeps the next one.
fn removable(wanted: &Prune, signed_entries: u64) -> Result<(Vec<Sealed>, Option<&'static str>)> {
    let (data_dir, log) = (&wanted.data_dir, wanted.archive.join(LOG));
    let all = sealed_count(data_dir)?;
    let mut may = prunable(data_dir)?;
    // Whatever the log says is purged, the snapshot must be there that holds it.
    let snapshot = contents(data_dir)?.snapshot_index.map_or(0, |last| last.saturating_add(1));
    let mut stays = match (all, all.saturating_sub(wanted.keep)) {
        (0, _) => Some("nothing is sealed yet"),
        (_, most) if most < may.len() => {
            may.truncate(most);
            Some("so many are to stay (--keep)")
        }
        _ => (may.len() < all).then_some("the replica or one that lags behind it still needs what comes next"),
    };
    let mut count = 0;
    for segment in &may {
        let held = alike(&segment.file, &log.join(name(segment)))?;
        let reason = match (held, segment.next_index <= signed_entries, segment.next_index <= snapshot) {
            (false, ..) => "the archive does not hold what comes next: bring it up to date first",
            (_, false, _) => "no checkpoint in the archive covers what comes next",
            (_, _, false) => "no snapshot holds what comes next",
            (true, true, true) => {
                count += 1;
                continue;
            }
        };
        stays = Some(reason);
        break;
    }
    may.truncate(count);
    Ok((may, stays))
}

/// The link through which the audit finds the archive, and where it is to lead; refused when it leads elsewhere.
fn link(data_dir: &Path, archive: &Path) -> Result<(PathBuf, PathBuf)> {
    let link = data_dir.join(ARCHIVE);
    let target = fs::canonicalize(archive).with_context(|| format!("{}: cannot be read", archive.display()))?;
    if fs::symlink_metadata(&link).is_ok() && fs::canonicalize(&link).ok().as_ref() != Some(&target) {
        bail!("{}: leads to another archive than {}: see which is right", link.display(), target.display());
    }
    Ok((link, target))
}

fn remove(data_dir: &Path, archive: &Path, link: (PathBuf, PathBuf), count: usize) -> Result<Vec<Sealed>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    sync_folder(&archive.join(LOG))?;
    let (link, target) = link;
    if fs::symlink_metadata(&link).is_err() {
        symlink(&target, &link).with_context(|| link.display().to_string())?;
        sync_folder(data_dir)?;
    }
    Ok(retention::prune(data_dir, count)?)
}

fn words(report: &Report) -> String {
    let mut lines: Vec<String> = report.faults.iter().map(|fault| format!("FAULT     {fault}")).collect();
    if !report.faults.is_empty() {
        lines.push("REFUSED   the archive is not what was signed; nothing was removed\n".into());
        return lines.join("\n");
    }
    let (count, mib) = (report.removed.len(), report.bytes >> 20);
    let done = if report.dry_run { "would be" } else { "done    " };
    lines.push(format!("{done}  {count} segments removed, {mib} MiB"));
    lines.push(format!("signed    the first {} entries in the archive", report.signed_entries));
    lines.extend(report.first_index.map(|first| format!("log       entries before {first} are in the archive only")));
    lines.extend(report.stays.map(|why| format!("stays     {why}")));
    lines.push(String::new());
    lines.join("\n")
}
