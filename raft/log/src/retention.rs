//! Segments that a log needs no more: which they are, and their removal. Offline or beside a running log.
//!
//! A segment is needed until its entries are purged and all that is after it is on the disk. What votes and marks it
//! held goes into the file `base` first, which from then on stands for it; so a crash between leaves
//! segments that nothing reads, and the next removal takes them, too. Whether what is removed lies elsewhere is the
//! caller's question.

use crate::base::{self, Base};
use crate::error::{Operation, ReadError};
use crate::recover::{apply, begin, recover_from};
use crate::segment;
use crate::shared::State;
use crate::walk::{Walk, io_error};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

/// One segment that nothing is written to any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Where it lies.
    pub file: PathBuf,
    /// How long the file is.
    pub bytes: u64,
    /// The entries that are in force behind it: the next one has this index.
    pub next_index: u64,
    first_sequence: u64,
    /// The highest index of any entry in it, in force or not.
    highest_index: Option<u64>,
}

/// What the segments of a log say of each other.
struct Survey {
    sealed: Vec<Sealed>,
    /// What would stand for all segments before the one with this first sequence.
    bases: BTreeMap<u64, Base>,
    state: State,
    newest: PathBuf,
}

/// The files that the log in `dir` is made of, in the order in which they are to be copied: what stands for removed segments,
/// and the segments, the newest of which may grow meanwhile.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let base = Base::read(dir)?;
    let segments = in_use(dir, base.as_ref())?.into_iter().map(|first| segment::path(dir, first));
    Ok(base.map(|_| base::path(dir)).into_iter().chain(segments).collect())
}

/// How many segments of the log in `dir` are sealed, by their names alone.
pub fn sealed_count(dir: &Path) -> Result<usize, ReadError> {
    Ok(in_use(dir, Base::read(dir)?.as_ref())?.len().saturating_sub(1))
}

/// The segments that no base stands for.
fn in_use(dir: &Path, base: Option<&Base>) -> Result<Vec<u64>, ReadError> {
    let oldest = base.map_or(0, |base| base.first_sequence);
    Ok(segment::list(dir)?.into_iter().filter(|first| *first >= oldest).collect())
}

/// The file that stands for what was removed from the log in `dir`, if anything was.
pub fn base(dir: &Path) -> PathBuf {
    base::path(dir)
}

/// The sealed segments of the log in `dir`, oldest first: all but the newest.
pub fn sealed(dir: &Path) -> Result<Vec<Sealed>, ReadError> {
    Ok(survey(dir)?.sealed)
}

/// The oldest segments, as many as opening the log needs no more.
pub fn prunable(dir: &Path) -> Result<Vec<Sealed>, ReadError> {
    let mut survey = survey(dir)?;
    let count = survey.prunable(dir, usize::MAX);
    survey.sealed.truncate(count);
    Ok(survey.sealed)
}

/// Removes the oldest `count` segments, or as many of them as are not needed. Answers what was removed.
///
/// Opened afterwards, the log is what it would have been: this is tried, with all that was read, before anything is
/// removed.
pub fn prune(dir: &Path, count: usize) -> Result<Vec<Sealed>, ReadError> {
    let _lock = lock(dir)?;
    let mut survey = survey(dir)?;
    let count = survey.prunable(dir, count);
    let Some(base) = count.checked_sub(1).and_then(|last| survey.base_behind(last)) else { return Ok(Vec::new()) };
    // A running log may not have synced what it wrote last, and that may be what makes the oldest needless.
    let newest = &survey.newest;
    File::open(newest).and_then(|file| file.sync_all()).map_err(io_error(newest, Operation::Sync))?;
    base.write(dir)?;
    for first in segment::list(dir)?.into_iter().filter(|first| *first < base.first_sequence) {
        let file = segment::path(dir, first);
        fs::remove_file(&file).map_err(io_error(&file, Operation::Remove))?;
    }
    base::sync_dir(dir)?;
    survey.sealed.truncate(count);
    Ok(survey.sealed)
}

fn survey(dir: &Path) -> Result<Survey, ReadError> {
    let mut walk = Walk::new(dir, None, None)?;
    walk.start()?;
    let mut state = begin(&walk);
    let (mut bases, mut sealed) = (BTreeMap::new(), Vec::<Sealed>::new());
    while let Some((place, frame)) = walk.next()? {
        if sealed.last().is_none_or(|last| last.first_sequence != place.segment) {
            let (file, first_sequence) = (place.file.to_path_buf(), place.segment);
            bases.insert(first_sequence, Base::of(&state, place.cluster, first_sequence));
            sealed.push(Sealed { file, bytes: 0, next_index: 0, first_sequence, highest_index: None });
        }
        let index = frame.record.entry_index();
        apply(&mut state, &place, &frame)?;
        if let Some(segment) = sealed.last_mut() {
            segment.next_index = state.index.next();
            segment.highest_index = segment.highest_index.max(index);
        }
    }
    state.next_sequence = walk.next_sequence();
    let newest = walk.into_current().ok_or_else(|| ReadError::NoSegments { dir: dir.to_path_buf() })?;
    // The newest is none of them; where nothing has been written to it yet, it was not seen above.
    sealed.retain(|segment| segment.first_sequence != newest.first_sequence);
    bases.entry(newest.first_sequence).or_insert_with(|| Base::of(&state, newest.cluster, newest.first_sequence));
    for segment in &mut sealed {
        let about = fs::metadata(&segment.file).map_err(io_error(&segment.file, Operation::Read))?;
        segment.bytes = about.len();
    }
    Ok(Survey { sealed, bases, state, newest: newest.file.to_path_buf() })
}

impl Survey {
    /// How many of the oldest can go, at most `count_max`. Where some can, fewer need not do: an entry that was dropped
    /// lies in one segment, what dropped it in another.
    fn prunable(&self, dir: &Path, count_max: usize) -> usize {
        let purged = self.state.index.purged();
        let hidden = self.sealed.iter().take_while(|segment| segment.highest_index <= purged).count();
        (1..=hidden.min(count_max)).rev().find(|count| self.opens_alike(dir, *count)).unwrap_or(0)
    }

    /// Whether the log opens to the same state without its oldest `count` segments, as far as it was read here.
    fn opens_alike(&self, dir: &Path, count: usize) -> bool {
        let Some(base) = count.checked_sub(1).and_then(|last| self.base_behind(last)) else { return false };
        let until = self.state.next_sequence;
        // An entry before its first is one that a base cannot stand for: that it cannot be read says so.
        recover_from(dir, base.clone(), until).is_ok_and(|without| without.holds_alike(&self.state))
    }

    /// What would stand for all segments up to the one at this place.
    fn base_behind(&self, last: usize) -> Option<&Base> {
        let first_sequence = self.sealed.get(last)?.first_sequence;
        self.bases.range(first_sequence + 1..).next().map(|(_, base)| base)
    }
}

/// Two removals at a time could each remove what the other one's base needs.
fn lock(dir: &Path) -> Result<File, ReadError> {
    let path = dir.join("PRUNE-LOCK");
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(io_error(&path, Operation::Open))?;
    base::give_to_owner(&file, dir).map_err(io_error(&path, Operation::Open))?;
    file.try_lock().map_err(|error| io_error(&path, Operation::Lock)(error.into()))?;
    Ok(file)
}
