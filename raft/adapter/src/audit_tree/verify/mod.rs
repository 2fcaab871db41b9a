//! Logs against what was signed: offline, from replicas' directories or copies of them.
//!
//! The tree over each log is computed from the stored bytes and compared with every checkpoint that a named witness
//! signed, wherever it lies. Nothing is decoded, so an entry that no longer means anything is named like any other.

mod fault;
mod locate;
mod signed;

use std::path::PathBuf;
use std::{fmt, io};

use ridethrough_raft_log::ReadError;
use ridethrough_witness::{Frontier, WitnessKey, checkpoint};

pub use self::fault::{Change, Fault};
use self::locate::Sources;
use self::signed::Signed;
use super::leaves::{Leaves, read_leaves};

/// What was verified, and what does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The log's name in its checkpoints.
    pub origin: String,
    /// Each directory, with the entries that its log holds.
    pub logs: Vec<(PathBuf, u64)>,
    /// What each witness that was named has signed.
    pub witnesses: Vec<Witnessed>,
    /// Checkpoints that no named witness has signed; they prove nothing.
    pub strangers: usize,
    /// Entries under the largest checkpoint. Whatever follows is vouched for by nobody yet.
    pub signed_entries: u64,
    /// What does not hold.
    pub faults: Vec<Fault>,
}

/// What a witness has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// Its name.
    pub name: String,
    /// How many checkpoints.
    pub checkpoints: usize,
    /// Entries under the largest.
    pub entries: u64,
    /// When it signed that, by its own clock, in seconds since 1970.
    pub unix_s: u64,
}

/// Why nothing can be said.
#[derive(Debug)]
pub enum VerifyError {
    /// A log cannot be read.
    Read(ReadError),
    /// A checkpoint cannot be read.
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The logs are of two clusters.
    TwoClusters {
        /// One.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
}

/// Verifies the logs of these directories, of one cluster, against what these witnesses signed.
pub fn verify(dirs: &[PathBuf], known: &[WitnessKey]) -> Result<Verified, VerifyError> {
    let logs = dirs.iter().map(|dir| read_leaves(dir).map_err(VerifyError::Read)).collect::<Result<Vec<_>, _>>()?;
    let cluster = logs.first().map_or([0; 16], |log| log.cluster);
    if let Some(place) = logs.iter().position(|log| log.cluster != cluster) {
        return Err(VerifyError::TwoClusters { one: dirs[0].clone(), other: dirs[place].clone() });
    }
    let origin = checkpoint::origin(&cluster);
    let (mut all, mut faults, mut strangers) = (Vec::new(), Vec::new(), 0);
    for (place, dir) in dirs.iter().enumerate() {
        let folder = signed::read(dir, place, &origin, known)?;
        if folder.signed.is_empty() {
            faults.push(Fault::Unwitnessed { dir: dir.clone() });
        }
        all.extend(folder.signed);
        faults.extend(folder.faults);
        strangers += folder.strangers;
    }
    all.sort_by_key(|one| (one.size, one.root));
    faults.extend(signed::forks(&all));
    let audit = Audit { dirs, logs: &logs, signed: &all };
    faults.extend(audit.faults());
    let counted = dirs.iter().cloned().zip(logs.iter().map(|log| log.iter().count() as u64)).collect();
    let signed_entries = all.last().map_or(0, |newest| newest.size);
    let witnesses = known.iter().map(|witness| witnessed(witness.name(), &all)).collect();
    Ok(Verified { origin, logs: counted, witnesses, strangers, signed_entries, faults })
}

fn witnessed(name: &str, all: &[Signed]) -> Witnessed {
    let own = || all.iter().filter(|signed| signed.witness == name);
    let newest = own().next_back();
    Witnessed {
        name: name.into(),
        checkpoints: own().count(),
        entries: newest.map_or(0, |signed| signed.size),
        unix_s: newest.map_or(0, |signed| signed.unix_s),
    }
}

struct Audit<'a> {
    dirs: &'a [PathBuf],
    logs: &'a [Leaves],
    /// In rising order of size.
    signed: &'a [Signed],
}

impl Audit<'_> {
    fn faults(&self) -> Vec<Fault> {
        let places = 0..self.dirs.len();
        let changed: Vec<Option<Fault>> = places.clone().map(|place| self.changed(place)).collect();
        // Only what agrees with everything that was signed can stand for a log that has a gap.
        let sound = places.clone().find(|&place| self.is_whole(place) && changed[place].is_none());
        let mut faults: Vec<Fault> = changed.into_iter().flatten().collect();
        for place in places {
            faults.extend(self.gaps(place, sound.map(|sound| &self.logs[sound])));
            faults.extend(self.truncated(place));
        }
        faults
    }

    fn is_whole(&self, place: usize) -> bool {
        let signed = self.signed.last().map_or(0, |newest| newest.size);
        self.logs[place].end() >= signed && self.logs[place].gaps().next().is_none()
    }

    /// The first entry of a log, before any gap, that is not what was signed.
    fn changed(&self, place: usize) -> Option<Fault> {
        let mut tree = Frontier::default();
        let mut sound = Frontier::default();
        let mut leaves = self.logs[place].iter();
        let mut rest = self.signed;
        while let Some(signed) = rest.first() {
            let (same_size, later) = rest.split_at(rest.partition_point(|other| other.size == signed.size));
            let missing = signed.size - tree.size();
            for (index, leaf) in leaves.by_ref().take(usize::try_from(missing).unwrap_or(usize::MAX)) {
                if index != tree.size() {
                    return None;
                }
                tree.push(*leaf);
            }
            if tree.size() < signed.size {
                return None;
            }
            let root = tree.root();
            if !same_size.iter().any(|one| one.root == root) {
                return Some(self.name_it(place, &sound, signed));
            }
            (sound, rest) = (tree.clone(), later);
        }
        None
    }

    /// Which entry it is, between the last tree that was as signed and this one that is not.
    fn name_it(&self, place: usize, sound: &Frontier, signed: &Signed) -> Fault {
        let (dir, witness, first) = (self.dirs[place].clone(), signed.witness.clone(), sound.size());
        let sources = Sources { dirs: self.dirs, logs: self.logs };
        let authentic = sources.authentic(sound, signed);
        let found = authentic.and_then(|authentic| locate::difference(&self.logs[place], first, &authentic));
        match found {
            Some((index, change)) => Fault::Entry { dir, index, change, size: signed.size, witness },
            None => Fault::Between { dir, first, last: signed.size - 1, witness },
        }
    }

    /// What is missing within a log, and where what there is after a gap differs from a sound log.
    fn gaps(&self, place: usize, sound: Option<&Leaves>) -> Vec<Fault> {
        let (log, dir) = (&self.logs[place], &self.dirs[place]);
        let mut faults = Vec::new();
        for (first, last) in log.gaps() {
            match (log.is_caught_up(last), sound) {
                (true, Some(_)) => {}
                (true, None) => faults.push(Fault::CaughtUp { dir: dir.clone(), last }),
                (false, _) => faults.push(Fault::Missing { dir: dir.clone(), first, last }),
            }
        }
        let (Some(sound), Some((gap, _))) = (sound, log.gaps().next()) else { return faults };
        let later = log.iter().filter(|(index, _)| *index >= gap);
        let newest = self.signed.last();
        let differs = later.filter(|(index, leaf)| sound.get(*index).is_some_and(|signed| signed != *leaf));
        faults.extend(differs.take(1).zip(newest).filter(|((index, _), newest)| *index < newest.size).map(
            |((index, _), newest)| Fault::Entry {
                dir: dir.clone(),
                index,
                change: Change::Edited,
                size: newest.size,
                witness: newest.witness.clone(),
            },
        ));
        faults
    }

    /// A log must reach whatever was signed beside it, and one of the logs all that was signed. A replica that lags
    /// behind the others lacks nothing.
    fn truncated(&self, place: usize) -> Option<Fault> {
        let end = self.logs[place].end();
        let reached = |size: u64| self.logs.iter().any(|log| log.end() >= size);
        let must = |signed: &&Signed| signed.size > end && (signed.place == place || !reached(signed.size));
        let newest = self.signed.iter().rev().find(must)?;
        let (dir, witness) = (self.dirs[place].clone(), newest.witness.clone());
        Some(Fault::Truncated { dir, first: end, size: newest.size, witness })
    }
}

impl Verified {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Io { file, error } => write!(f, "{}: {error}", file.display()),
            Self::TwoClusters { one, other } => {
                write!(f, "{} and {} are logs of two clusters", one.display(), other.display())
            }
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for VerifyError {}

#[cfg(test)]
mod tests;
