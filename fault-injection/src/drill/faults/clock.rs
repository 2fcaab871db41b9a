//! A wall clock that steps: every replica of such a drill runs with a library between it and the clock (libfaketime).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::super::stage::Stage;
use super::Fault;
use crate::demo::cluster::Cluster;

/// The library, in a folder of the architecture's.
const LIBRARY: &str = "faketime/libfaketime.so.1";
/// Where a replica tells its wall clock, once a second.
const GAUGE: &str = "ridethrough_wall_clock_unix_seconds ";
/// What it may be away from where it should be, in seconds.
const ROUGHLY_S: f64 = 5.0;

/// Gives every replica a wall clock of its own, which tells the right time until it is stepped. The monotonic one, by which
/// everything is decided, stays the system's.
pub(in super::super) fn own_clocks(cluster: &mut Cluster) -> Result<()> {
    let library = library()?;
    for node in &mut cluster.nodes {
        let file = clock_file(&node.data);
        fs::write(&file, "+0")?;
        node.environment = vec![
            ("LD_PRELOAD".into(), library.clone().into()),
            ("FAKETIME_TIMESTAMP_FILE".into(), file.into()),
            ("FAKETIME_CACHE_DURATION".into(), "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC".into(), "1".into()),
            ("DONT_FAKE_MONOTONIC".into(), "1".into()),
            ("NO_FAKE_STAT".into(), "1".into()),
        ];
    }
    Ok(())
}

/// Where it says how far a replica's clock is off.
fn clock_file(data: &Path) -> PathBuf {
    data.with_extension("clock")
}

fn library() -> Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|folder| folder.path());
    let found = folders.map(|folder| folder.join(LIBRARY)).find(|file| file.exists());
    found.context("a clock that steps needs libfaketime: install it (Debian: `apt install faketime`)")
}

/// The wall clock of a replica is so many seconds off, until it is set right.
pub(super) struct Step {
    id: u16,
    by_s: i32,
}

impl Step {
    pub(super) fn new(id: u16, by_s: i32) -> Self {
        Self { id, by_s }
    }
}

impl Fault for Step {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        Ok(fs::write(clock_file(&stage.cluster.node(self.id)?.data), format!("{:+}", self.by_s))?)
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let metrics = stage.cluster.metrics(self.id).unwrap_or_default();
        let told = metrics.lines().find_map(|line| line.strip_prefix(GAUGE)?.parse::<f64>().ok());
        let Some(told) = told else { return Ok(None) };
        let off_s = told - SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        let seen = (off_s - f64::from(self.by_s)).abs() < ROUGHLY_S;
        Ok(seen.then(|| format!("n{} says that its clock is where ours will be in {off_s:+.0} s", self.id)))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        Ok(fs::write(clock_file(&stage.cluster.node(self.id)?.data), "+0")?)
    }
}
