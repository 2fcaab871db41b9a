//! One of the two that are compared: a replica's folder, or an export of one as JSON Lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ridethrough_core::site::Site;
use ridethrough_raft::audit_stream::survey;
use ridethrough_raft::audit_tree::leaves::read_leaves;
use ridethrough_witness::Hash;
use serde::Deserialize;
use serde_json::Value;

use super::super::facts::Facts;
use super::super::history::History;
use crate::output::hex;

/// Most bytes of a line of an export: the largest plan has fewer.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// What is compared: 40 bytes for each entry, and where to read more.
pub struct Side {
    /// Where it lies.
    pub path: PathBuf,
    /// The cluster; none in an export that leaves the founding entry out.
    pub cluster: Option<String>,
    /// Index and leaf of every entry, in order.
    pub leaves: Vec<(u64, Hash)>,
    /// The last entry that it vouches for as committed.
    pub committed_index: u64,
    /// Gaps that nothing explains, first and last index.
    pub missing: Vec<(u64, u64)>,
    /// Its site, where that lies beside it.
    pub site: Option<Arc<Site>>,
}

/// What is compared of a line; the rest is read when it is told.
#[derive(Deserialize)]
struct Line {
    index: u64,
    leaf_hash: String,
    founding: Option<Founding>,
}

#[derive(Deserialize)]
struct Founding {
    cluster: String,
}

impl Side {
    /// Reads it.
    pub fn read(path: &Path, site: Option<&Path>) -> Result<Self> {
        if path.is_dir() { Self::folder(path, site) } else { Self::export(path) }
    }

    fn folder(dir: &Path, site: Option<&Path>) -> Result<Self> {
        let leaves = read_leaves(dir).with_context(|| dir.display().to_string())?;
        let committed_index = survey(dir).with_context(|| dir.display().to_string())?.committed_index.unwrap_or(0);
        let beside = dir.join("site.toml");
        let site = match site.map(Path::to_path_buf).or_else(|| beside.is_file().then_some(beside)) {
            None => None,
            Some(file) => {
                let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
                Some(Arc::new(Site::parse(&file.display().to_string(), &text)?))
            }
        };
        let missing = leaves.gaps().filter(|(first, last)| *first > 0 && !leaves.is_caught_up(*last));
        Ok(Self {
            path: dir.to_path_buf(),
            cluster: Some(hex(&leaves.cluster)),
            missing: missing.collect(),
            leaves: leaves.iter().map(|(index, leaf)| (index, *leaf)).collect(),
            committed_index,
            site,
        })
    }

    fn export(file: &Path) -> Result<Self> {
        let mut side = Self {
            path: file.to_path_buf(),
            cluster: None,
            leaves: Vec::new(),
            committed_index: 0,
            missing: Vec::new(),
            site: None,
        };
        each_line(file, |number, text| {
            let line: Line = serde_json::from_str(text).with_context(|| {
                format!("{}: line {number} is no entry of `ridectl audit export --format jsonl`", file.display())
            })?;
            let leaf = leaf(&line.leaf_hash);
            let leaf = leaf.with_context(|| format!("{}: line {number}: no leaf_hash", file.display()))?;
            if side.leaves.last().is_some_and(|(last, _)| *last >= line.index) {
                bail!("{}: line {number}: entry {} is not after the one before", file.display(), line.index);
            }
            side.leaves.push((line.index, leaf));
            side.cluster = side.cluster.take().or(line.founding.map(|founding| founding.cluster));
            Ok(ControlFlow::Continue(()))
        })?;
        // Only what is committed is exported.
        side.committed_index = side.leaves.last().map_or(0, |(index, _)| *index);
        Ok(side)
    }

    /// Everything that it says of an entry, or why that cannot be told.
    pub fn entry(&self, index: u64, site: Option<&Arc<Site>>) -> Value {
        let told = if self.path.is_dir() { self.replayed(index, site) } else { self.exported(index) };
        told.unwrap_or_else(|error| Value::from(format!("{error:#}")))
    }

    fn replayed(&self, index: u64, site: Option<&Arc<Site>>) -> Result<Value> {
        let site = site.context("no site file to tell it by: name one with --site")?;
        let history = History::up_to(&self.path, Arc::clone(site), index)?;
        let mut found = None;
        history.walk(|item| {
            if item.at.index == index {
                found = Some(serde_json::to_value(Facts::of(item, site))?);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        found.with_context(|| format!("entry {index} is not there"))
    }

    fn exported(&self, index: u64) -> Result<Value> {
        let mut found = None;
        each_line(&self.path, |_, text| {
            let line: Line = serde_json::from_str(text)?;
            if line.index < index {
                return Ok(ControlFlow::Continue(()));
            }
            found = Some(serde_json::from_str(text)?);
            Ok(ControlFlow::Break(()))
        })?;
        found.with_context(|| format!("entry {index} is not there"))
    }
}

fn each_line(file: &Path, mut each: impl FnMut(usize, &str) -> Result<ControlFlow<()>>) -> Result<()> {
    let opened = File::open(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    let mut reader = BufReader::with_capacity(1 << 20, opened);
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut text);
        if read.with_context(|| format!("{}: line {number} cannot be read", file.display()))? == 0 {
            break;
        }
        if !text.ends_with('\n') {
            bail!("{}: line {number} is cut off, or longer than {LINE_BYTES_MAX} bytes", file.display());
        }
        if each(number, &text)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The 32 bytes of 64 hexadecimal digits.
fn leaf(text: &str) -> Option<Hash> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let byte = |pair: &[u8; 2]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
}
