//! `ridectl telemetry export`: Parquet in hive-style partitions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ridethrough_record::{Found, Segment};
use serde::Serialize;

use super::gather::{Gathered, gather, hour, wanted};
use super::table::{Table, texts};
use super::{Source, show};
use crate::output::{Output, wall_time};

const HOUR_MS: i64 = 3_600_000;

#[derive(Serialize)]
struct Report<'a> {
    out: String,
    files: usize,
    rows: u64,
    replicas: &'a std::collections::BTreeMap<u16, super::gather::Recorded>,
    damage: &'a [String],
    torn: &'a [String],
}

/// Exports; false where something is damaged and was left out, or there is nothing to export.
pub fn run(source: &Source, out: &Path, output: Output) -> Result<bool> {
    refuse_what_is_there(out)?;
    let gathered = gather(source)?;
    let (files, rows) = if gathered.hours.is_empty() { (0, 0) } else { write(source, &gathered, out)? };
    let told = out.display().to_string();
    let (replicas, damage, torn) = (&gathered.replicas, gathered.damage.as_slice(), gathered.torn.as_slice());
    let words = || {
        let total =
            if files == 0 { "nothing to export".into() } else { format!("{told}: {rows} rows in {files} files") };
        format!("{}exported   {total}\n", show::words(&gathered))
    };
    output.print(&Report { out: told.clone(), files, rows, replicas, damage, torn }, words)?;
    Ok(files > 0 && gathered.damage.is_empty())
}

fn refuse_what_is_there(out: &Path) -> Result<()> {
    match fs::read_dir(out) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => bail!("{}: is there and not empty; nothing is overwritten", out.display()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| out.display().to_string()),
    }
}

/// A folder beside the one that is wanted; deleted unless it was renamed to it.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // There is nothing any more once it has been renamed.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes all files, then renames their folder: whoever looks sees all or nothing. Returns files and rows.
fn write(source: &Source, gathered: &Gathered, out: &Path) -> Result<(usize, u64)> {
    let name = out.file_name().with_context(|| format!("{}: is no name for a new folder", out.display()))?;
    let unfinished = out.with_file_name(format!(".{}.{}.unfinished", name.to_string_lossy(), std::process::id()));
    fs::create_dir_all(&unfinished).with_context(|| unfinished.display().to_string())?;
    let unfinished = Unfinished(unfinished);
    let mut rows = 0;
    for (&(unix_hour, replica), segments) in &gathered.hours {
        let folder = unfinished.0.join(partition(unix_hour));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file = folder.join(format!("part-{replica}.parquet"));
        rows += write_hour(source, segments, unix_hour, &file)?;
    }
    fs::rename(&unfinished.0, out).with_context(|| format!("{}: cannot be put in place", out.display()))?;
    Ok((gathered.hours.len(), rows))
}

fn partition(unix_hour: i64) -> String {
    let at = wall_time(unix_hour * HOUR_MS);
    format!("date={}/hour={}", &at[..10], &at[11..13])
}

fn write_hour(source: &Source, segments: &[PathBuf], unix_hour: i64, file: &Path) -> Result<u64> {
    let mut table = Table::create(file)?;
    // Two copies of a segment tell the same second once.
    let mut told = BTreeSet::new();
    for path in segments {
        let segment = Segment::read(path).with_context(|| path.display().to_string())?;
        let texts = texts(&segment.columns);
        let blocks =
            segment.found().filter_map(|found| if let Found::Block(block) = found { Some(block) } else { None });
        for row in blocks.flat_map(|block| block.rows) {
            if wanted(source, &row) && hour(&row) == unix_hour && told.insert(row.unix_ms) {
                table.add(&texts, &row)?;
            }
        }
    }
    table.finish()
}
