//! Checkpoints that were collected from anywhere, against one log: is each a prefix of it?

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use ridethrough_raft_log::ReadError;
use ridethrough_witness::note::NOTE_BYTES_MAX;
use ridethrough_witness::{Checkpoint, Frontier, Hash, Note, WitnessKey, checkpoint};

use super::files;
use super::leaves::{Leaves, read_leaves};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The log's name in its checkpoints.
    pub origin: String,
    /// How many entries it holds from the first on.
    pub entries: u64,
    /// Each checkpoint, in the order in which they were named.
    pub checkpoints: Vec<Judged>,
}

/// A checkpoint and what it says of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its file.
    pub file: PathBuf,
    /// How many entries were signed; 0 where that cannot be read.
    pub size: u64,
    /// The witnesses that were named who signed it, and when by their own clocks, in seconds since 1970.
    pub signed_by: Vec<(String, u64)>,
    /// What it says.
    pub verdict: Verdict,
}

/// What a checkpoint says of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The log begins with what was signed.
    Prefix,
    /// The log begins otherwise.
    Fork,
    /// More was signed than the log holds, and nothing that was named contradicts it.
    Ahead,
    /// More was signed than the log holds, and another checkpoint of as many entries has another root.
    AheadFork {
        /// The file of that one.
        other: PathBuf,
    },
    /// Nobody who was named has signed it.
    Stranger,
    /// It is no checkpoint of this log, or a signature is forged.
    Bad {
        /// Why.
        reason: String,
    },
}

/// Why nothing can be said.
#[derive(Debug)]
pub enum CompareError {
    /// The log cannot be read.
    Read(ReadError),
    /// A checkpoint cannot be read.
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Compares checkpoints by these witnesses with the log of the replica whose directory is `dir`. A directory among
/// `named` stands for its newest checkpoint.
pub fn compare(dir: &Path, named: &[PathBuf], known: &[WitnessKey]) -> Result<Compared, CompareError> {
    let leaves = read_leaves(dir).map_err(CompareError::Read)?;
    let origin = checkpoint::origin(&leaves.cluster);
    let read = named.iter().map(|file| read(file, &origin, known)).collect::<Result<Vec<_>, _>>()?;
    let (roots, entries) = roots(&leaves, read.iter().map(|one| one.size));
    let verdict = |place: usize, one: &Opened| match (&one.unusable, roots.get(&one.size)) {
        (Some(verdict), _) => verdict.clone(),
        (None, Some(root)) if *root == one.root => Verdict::Prefix,
        (None, Some(_)) => Verdict::Fork,
        (None, None) => ahead(&read, place),
    };
    let judged = read.iter().enumerate().map(|(place, one)| Judged {
        file: one.file.clone(),
        size: one.size,
        signed_by: one.signed_by.clone(),
        verdict: verdict(place, one),
    });
    Ok(Compared { checkpoints: judged.collect(), origin, entries })
}

/// A checkpoint as it was read.
struct Opened {
    file: PathBuf,
    size: u64,
    root: Hash,
    signed_by: Vec<(String, u64)>,
    /// Why it says nothing of the log.
    unusable: Option<Verdict>,
}

fn read(named: &Path, origin: &str, known: &[WitnessKey]) -> Result<Opened, CompareError> {
    let failed = |error| CompareError::Io { file: named.to_path_buf(), error };
    let file = if named.is_dir() { newest(named).map_err(failed)? } else { named.to_path_buf() };
    let mut bytes = Vec::new();
    let opened = fs::File::open(&file).map_err(failed)?;
    opened.take(NOTE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let mut read = Opened { file, size: 0, root: [0; 32], signed_by: Vec::new(), unusable: None };
    match opened_note(&bytes, known) {
        Err(reason) => read.unusable = Some(Verdict::Bad { reason }),
        Ok((found, signed_by)) => {
            let foreign = (found.origin != origin)
                .then(|| Verdict::Bad { reason: format!("is a checkpoint of another log, {}", found.origin) });
            let nobody = signed_by.is_empty().then_some(Verdict::Stranger);
            (read.size, read.root, read.signed_by, read.unusable) =
                (found.size, found.root, signed_by, foreign.or(nobody));
        }
    }
    Ok(read)
}

fn opened_note(bytes: &[u8], known: &[WitnessKey]) -> Result<(Checkpoint, Vec<(String, u64)>), String> {
    let note = Note::parse(bytes).map_err(|error| error.to_string())?;
    let (found, cosigned) = checkpoint::open(&note, known).map_err(|error| error.to_string())?;
    Ok((found, cosigned.into_iter().map(|one| (one.witness.name().to_owned(), one.unix_s)).collect()))
}

/// The newest checkpoint of a replica's directory, or of its `audit/`.
fn newest(dir: &Path) -> io::Result<PathBuf> {
    let below = dir.join(files::AUDIT_DIR);
    let audit = if below.is_dir() { below } else { dir.to_path_buf() };
    let none = || io::Error::new(io::ErrorKind::NotFound, "holds no checkpoint");
    Ok(files::note(&audit, files::sizes(&audit)?.pop().ok_or_else(none)?))
}

/// The log's roots at these sizes, as far as it goes without a gap, and how far that is.
fn roots(leaves: &Leaves, sizes: impl Iterator<Item = u64>) -> (BTreeMap<u64, Hash>, u64) {
    let wanted: Vec<u64> = sizes.collect();
    let mut tree = Frontier::default();
    let mut roots: BTreeMap<u64, Hash> = BTreeMap::from([(0, tree.root())]);
    for leaf in leaves.from_start() {
        tree.push(leaf);
        if wanted.contains(&tree.size()) {
            roots.insert(tree.size(), tree.root());
        }
    }
    (roots, tree.size())
}

fn ahead(read: &[Opened], place: usize) -> Verdict {
    let own = &read[place];
    let contradicts = |other: &&Opened| other.unusable.is_none() && other.size == own.size && other.root != own.root;
    let other = read.iter().find(contradicts);
    other.map_or(Verdict::Ahead, |other| Verdict::AheadFork { other: other.file.clone() })
}

impl Compared {
    /// Whether every checkpoint is known to be a prefix of the log.
    pub fn holds(&self) -> bool {
        self.checkpoints.iter().all(|one| one.verdict == Verdict::Prefix)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => f.write_str("the log begins with what was signed"),
            Self::Fork => f.write_str("A FORK: the log does not begin with what was signed"),
            Self::Ahead => f.write_str("not judged: more was signed than this log holds; take a newer copy"),
            Self::AheadFork { other } => write!(f, "A FORK: as many entries with another root in {}", other.display()),
            Self::Stranger => f.write_str("not judged: no witness that was named has signed it"),
            Self::Bad { reason } => write!(f, "NO CHECKPOINT of this log: {reason}"),
        }
    }
}

impl fmt::Display for CompareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Io { file, error } => write!(f, "{}: {error}", file.display()),
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for CompareError {}

#[cfg(test)]
mod tests {
    use super::super::tests::{CLUSTER, key, payloads, signed_log, write_log};
    use super::*;

    const ENTRIES: u64 = 300;

    fn checkpoint(dir: &Path, size: u64) -> PathBuf {
        files::note(&dir.join(files::AUDIT_DIR), size)
    }

    fn verdicts(dir: &Path, named: &[PathBuf], known: &WitnessKey) -> Vec<(u64, Verdict)> {
        let compared = compare(dir, named, std::slice::from_ref(known)).expect("reads");
        assert_eq!(compared.holds(), compared.checkpoints.iter().all(|one| one.verdict == Verdict::Prefix));
        compared.checkpoints.into_iter().map(|one| (one.size, one.verdict)).collect()
    }

    #[test]
    fn a_log_begins_with_what_was_signed_or_has_not_come_so_far_or_is_another() {
        let (dir, mut log) = (signed_log(&CLUSTER, &payloads(ENTRIES)), payloads(ENTRIES + 1));
        // A directory stands for its newest.
        let named = [checkpoint(dir.path(), 256), dir.path().to_path_buf()];
        let check = |log: &[Vec<u8>], first: Verdict, newest: Verdict| {
            write_log(dir.path(), &CLUSTER, log);
            assert_eq!(verdicts(dir.path(), &named, &key().public()), [(256, first), (300, newest)]);
        };
        check(&log, Verdict::Prefix, Verdict::Prefix);
        check(&log[..299], Verdict::Prefix, Verdict::Ahead);
        log[299] = b"other".to_vec();
        check(&log, Verdict::Prefix, Verdict::Fork);
        log[7] = b"other".to_vec();
        check(&log, Verdict::Fork, Verdict::Fork);
        check(&log[..256], Verdict::Fork, Verdict::Ahead);
    }

    #[test]
    fn checkpoints_beyond_the_log_that_contradict_each_other_are_a_fork() {
        let mut other = payloads(ENTRIES);
        other[299] = b"other".to_vec();
        let (one, two) = (signed_log(&CLUSTER, &payloads(ENTRIES)), signed_log(&CLUSTER, &other));
        write_log(one.path(), &CLUSTER, &payloads(200));
        let named = [checkpoint(one.path(), 300), checkpoint(two.path(), 300)];
        let against = |place: usize| Verdict::AheadFork { other: named[place].clone() };
        assert_eq!(verdicts(one.path(), &named, &key().public()), [(300, against(1)), (300, against(0))]);
    }

    #[test]
    fn what_no_named_witness_signed_for_this_log_is_not_judged() {
        let (dir, foreign) = (signed_log(&CLUSTER, &payloads(256)), signed_log(&[2; 16], &payloads(256)));
        let stranger = ridethrough_witness::SigningKey::new("n9", [9; 32]).expect("a good name").public();
        let own = [checkpoint(dir.path(), 256)];
        assert_eq!(verdicts(dir.path(), &own, &stranger), [(256, Verdict::Stranger)]);
        let judged = verdicts(dir.path(), &[checkpoint(foreign.path(), 256)], &key().public()).remove(0).1;
        assert!(matches!(&judged, Verdict::Bad { reason } if reason.contains("another log")), "{judged:?}");
        // One letter of the text, which the signature is about.
        let mut bytes = fs::read(&own[0]).expect("a note");
        let digit = bytes.iter().position(|byte| *byte == b'6').expect("256");
        bytes[digit] = b'7';
        let forged = dir.path().join("forged");
        fs::write(&forged, bytes).expect("written");
        let judged = verdicts(dir.path(), &[forged], &key().public()).remove(0).1;
        assert!(matches!(judged, Verdict::Bad { .. }), "{judged:?}");
        let nothing = compare(dir.path(), &[dir.path().join("absent")], &[key().public()]);
        assert!(matches!(nothing, Err(CompareError::Io { .. })));
    }
}
