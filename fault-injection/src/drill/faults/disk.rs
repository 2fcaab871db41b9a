//! Disks: a bit that flips, a disk that is lost, a disk that is full.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::super::stage::Stage;
use super::{Fault, start_if_ended};
use crate::demo::cluster::Cluster;

/// One bit of a log flips while its replica is down.
pub(super) struct BitRot {
    id: u16,
    flipped: Option<(PathBuf, u64, u8)>,
}

impl BitRot {
    pub(super) fn new(id: u16) -> Self {
        Self { id, flipped: None }
    }
}

impl Fault for BitRot {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        stage.cluster.kill(self.id)?;
        let (file, length) = oldest_segment(&stage.cluster.node(self.id)?.data)?;
        let at = length / 2;
        let before = swap(&file, at, |byte| byte ^ 0x04)?;
        self.flipped = Some((file, at, before));
        stage.cluster.start(self.id)
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let ended = stage.cluster.ended()?.into_iter().find(|(id, _)| *id == self.id);
        // One that runs on has repaired it, or has never looked: that it answers shows that it started.
        let runs = stage.cluster.snapshot(self.id).is_some();
        Ok(match ended {
            Some((_, words)) => Some(format!("n{} does not start: {}", self.id, last_line(&words))),
            None => runs.then(|| format!("n{} runs with the damaged log", self.id)),
        })
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        let Some((file, at, before)) = self.flipped.take() else { return Ok(()) };
        stage.cluster.kill(self.id)?;
        swap(&file, at, |_| before)?;
        stage.cluster.start(self.id)
    }
}

fn last_line(words: &str) -> &str {
    words.lines().next_back().unwrap_or_default()
}

/// The segment with the oldest entries, and how many bytes of it are written.
fn oldest_segment(data: &Path) -> Result<(PathBuf, u64)> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in [data.to_owned(), data.join("log")] {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        found.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "seg")));
    }
    found.sort();
    let file = found.into_iter().next().with_context(|| format!("{} holds no segment of a log", data.display()))?;
    let mut bytes = Vec::new();
    File::open(&file)?.read_to_end(&mut bytes)?;
    // Segments are made at their full length: what is not written is zeros.
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if written < 64 {
        bail!("{} holds next to nothing", file.display());
    }
    Ok((file, written as u64))
}

/// Changes one byte; returns what it was.
fn swap(file: &Path, at: u64, change: impl Fn(u8) -> u8) -> Result<u8> {
    let mut file = OpenOptions::new().read(true).write(true).open(file)?;
    let mut byte = [0];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&[change(byte[0])])?;
    file.sync_all()?;
    Ok(byte[0])
}

/// A replica comes back with nothing.
pub(super) struct LostDisk {
    id: u16,
    emptied: bool,
}

impl LostDisk {
    pub(super) fn new(id: u16) -> Self {
        Self { id, emptied: false }
    }
}

impl Fault for LostDisk {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        stage.cluster.kill(self.id)?;
        let data = stage.cluster.node(self.id)?.data.clone();
        fs::remove_dir_all(&data).with_context(|| format!("cannot empty {}", data.display()))?;
        self.emptied = true;
        stage.cluster.start(self.id)
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let back = self.emptied && stage.cluster.snapshot(self.id).is_some();
        Ok(back.then(|| format!("n{} answers, and had nothing when it started", self.id)))
    }

    fn recover(&mut self, _stage: &mut Stage) -> Result<()> {
        Ok(())
    }
}

/// The size of the disks of a drill that fills one.
const SMALL_DISK: &str = "size=96m";
/// What fills a disk.
const FILLER: &str = "filler";
/// So much is written at once while a disk is filled.
const FILL_BYTES: usize = 1 << 20;

/// Gives every replica a small disk of its own, seen by this process and its children only.
pub(in super::super) fn small_disks(cluster: &Cluster) -> Result<()> {
    let needs = "a full disk needs root: each replica gets a small one of its own";
    unshare(CloneFlags::CLONE_NEWNS).context(needs)?;
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).context(needs)?;
    for node in &cluster.nodes {
        fs::create_dir_all(&node.data)?;
        mount(Some("tmpfs"), &node.data, Some("tmpfs"), MsFlags::empty(), Some(SMALL_DISK)).context(needs)?;
    }
    Ok(())
}

/// Nothing more fits on a replica's disk.
pub(super) struct Full {
    id: u16,
    filler: Option<PathBuf>,
}

impl Full {
    pub(super) fn new(id: u16) -> Self {
        Self { id, filler: None }
    }
}

impl Fault for Full {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let path = stage.cluster.node(self.id)?.data.join(FILLER);
        let mut file = File::create(&path)?;
        self.filler = Some(path);
        let mut piece = vec![0_u8; FILL_BYTES];
        while !piece.is_empty() {
            match file.write(&piece) {
                Ok(0) | Err(_) => piece.truncate(piece.len() / 2),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let data = &stage.cluster.node(self.id)?.data;
        let free = nix::sys::statvfs::statvfs(data).context("the replica's disk")?.blocks_available();
        Ok((free == 0).then(|| format!("the disk of n{} has no free block", self.id)))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        let Some(filler) = self.filler.take() else { return Ok(()) };
        fs::remove_file(filler)?;
        start_if_ended(stage, self.id)
    }
}
