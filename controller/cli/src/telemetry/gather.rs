//! Finds segments, reads each once, and says what holds and what does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ridethrough_record::{Found, Row, Segment, SegmentError, segments};
use serde::Serialize;

use super::Source;
use super::gaps::{Gaps, gaps};

const HOUR_MS: i64 = 3_600_000;

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Which segments hold rows of an hour (Unix hours) of a replica.
    pub hours: BTreeMap<(i64, u16), Vec<PathBuf>>,
    /// What each replica recorded.
    pub replicas: BTreeMap<u16, Recorded>,
    /// What is damaged, in words.
    pub damage: Vec<String>,
    /// Tails that a crash cut off, or that are being written, in words: nothing else is missing for them.
    pub torn: Vec<String>,
}

/// What one replica recorded.
#[derive(Debug, Default, Serialize)]
pub struct Recorded {
    pub segments: usize,
    pub bytes: usize,
    /// Different seconds.
    pub rows: usize,
    pub first_ms: i64,
    pub last_ms: i64,
    /// Racks and servers by name.
    pub racks: BTreeSet<String>,
    pub servers: BTreeSet<String>,
    pub gaps: Gaps,
}

/// Whether a time is asked for.
pub fn wanted(source: &Source, row: &Row) -> bool {
    source.from.is_none_or(|from| row.unix_ms >= from) && source.to.is_none_or(|to| row.unix_ms < to)
}

/// The Unix hour of a row.
pub fn hour(row: &Row) -> i64 {
    row.unix_ms.div_euclid(HOUR_MS)
}

/// Reads all segments of a source.
pub fn gather(source: &Source) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    let mut times: BTreeMap<u16, BTreeSet<i64>> = BTreeMap::new();
    for file in files(&source.data_dir)? {
        match Segment::read(&file) {
            Ok(segment) => gathered.add(source, &segment, &mut times),
            Err(SegmentError::Torn) => gathered.torn.push(format!("{}: {}", file.display(), SegmentError::Torn)),
            Err(error @ SegmentError::Unreadable(_)) => return Err(error).with_context(|| file.display().to_string()),
            Err(error) => gathered.damage.push(format!("{}: {error}", file.display())),
        }
    }
    for (replica, times) in times {
        let mut times: Vec<i64> = times.into_iter().collect();
        let recorded = gathered.replicas.entry(replica).or_default();
        recorded.rows = times.len();
        recorded.gaps = gaps(&mut times);
        (recorded.first_ms, recorded.last_ms) =
            (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default());
    }
    Ok(gathered)
}

impl Gathered {
    fn add(&mut self, source: &Source, segment: &Segment, times: &mut BTreeMap<u16, BTreeSet<i64>>) {
        let (mut hours, name) = (BTreeSet::new(), segment.file.display());
        for found in segment.found() {
            match found {
                Found::Block(block) => {
                    for row in block.rows.iter().filter(|row| wanted(source, row)) {
                        hours.insert(hour(row));
                        times.entry(segment.replica).or_default().insert(row.unix_ms);
                    }
                }
                Found::Damaged { at, bytes } => {
                    self.damage.push(format!("{name}: {bytes} bytes from byte {at} on are damaged"));
                }
                Found::Torn { at, bytes } => {
                    self.torn.push(format!("{name}: ends {bytes} bytes into a block, at byte {at}"));
                }
            }
        }
        let recorded = self.replicas.entry(segment.replica).or_default();
        recorded.segments += 1;
        recorded.bytes += segment.bytes();
        for column in &segment.columns {
            let names = match column.part {
                ridethrough_record::Part::Rack => &mut recorded.racks,
                ridethrough_record::Part::Server => &mut recorded.servers,
            };
            names.insert(column.name.clone());
        }
        for hour in hours {
            self.hours.entry((hour, segment.replica)).or_default().push(segment.file.clone());
        }
    }
}

/// The segments of all folders, each once.
fn files(folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = BTreeSet::new();
    for folder in folders {
        let kept = folder.join("record");
        let folder: &Path = if kept.is_dir() { &kept } else { folder };
        let files = segments(folder).with_context(|| format!("{}: cannot be listed", folder.display()))?;
        if files.is_empty() {
            bail!("{}: holds no recorded telemetry (no *.rtrecord)", folder.display());
        }
        for file in files {
            all.insert(file.canonicalize().with_context(|| file.display().to_string())?);
        }
    }
    Ok(all.into_iter().collect())
}
