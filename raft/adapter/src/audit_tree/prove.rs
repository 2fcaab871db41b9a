//! One entry's proof from a log and a checkpoint that lies beside it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ridethrough_raft_log::ReadError;
use ridethrough_witness::{Checkpoint, Note, Proof, checkpoint, tree};

use super::files;
use super::leaves::read_leaves;
use crate::audit_stream::stored_entry;

/// Why there is no proof.
#[derive(Debug)]
pub enum ProveError {
    /// The log cannot be read.
    Read(ReadError),
    /// A checkpoint cannot be read.
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The log does not hold the entry, or not all before it.
    NotThere {
        /// The entry.
        index: u64,
        /// How many entries it holds from the first on.
        entries: u64,
    },
    /// No checkpoint that covers the entry fits the log.
    NotSigned {
        /// The entry.
        index: u64,
    },
}

/// Proves the entry by the smallest checkpoint in `dir` that covers it and fits the log. Whose signature that has is for
/// whoever checks the proof.
pub fn prove(dir: &Path, index: u64) -> Result<Proof, ProveError> {
    let log = read_leaves(dir).map_err(ProveError::Read)?;
    let leaves = log.from_start();
    let not_there = ProveError::NotThere { index, entries: leaves.len() as u64 };
    let place = usize::try_from(index).ok().filter(|&place| place < leaves.len()).ok_or(not_there)?;
    let audit = dir.join(files::AUDIT_DIR);
    let failed = |file: PathBuf| move |error| ProveError::Io { file, error };
    for size in files::sizes(&audit).map_err(failed(audit.clone()))?.into_iter().filter(|&size| size > index) {
        let Some(covered) = usize::try_from(size).ok().and_then(|size| leaves.get(..size)) else { continue };
        let file = files::note(&audit, size);
        let bytes = files::read_note(&audit, size).map_err(failed(file))?.unwrap_or_default();
        let fits = Checkpoint { origin: checkpoint::origin(&log.cluster), size, root: tree::root(covered) };
        let Some(note) = Note::parse(&bytes).ok().filter(|note| note.text == fits.to_text()) else { continue };
        let entry = stored_entry(dir, index).map_err(ProveError::Read)?.unwrap_or_default();
        let hashes = tree::inclusion(place, covered).unwrap_or_default();
        return Ok(Proof { index, entry, hashes, note });
    }
    Err(ProveError::NotSigned { index })
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Io { file, error } => write!(f, "{}: {error}", file.display()),
            Self::NotThere { index, entries } => write!(
                f,
                "entry {index} cannot be proved: from the first on, this log holds {entries} entries without a gap"
            ),
            Self::NotSigned { index } => {
                write!(f, "entry {index} cannot be proved: no checkpoint that covers it fits this log")
            }
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for ProveError {}
