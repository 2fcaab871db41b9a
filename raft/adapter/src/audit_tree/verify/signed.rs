//! The checkpoints that lie in a replica's directory.

use std::io;
use std::path::{Path, PathBuf};

use ridethrough_witness::{Hash, Note, WitnessKey, checkpoint};

use super::{Fault, VerifyError};
use crate::audit_tree::files;

/// A checkpoint that a named witness vouches for.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) witness: String,
    pub(super) unix_s: u64,
    /// In which of the directories it lies.
    pub(super) place: usize,
}

/// What a folder of checkpoints holds.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) signed: Vec<Signed>,
    /// Checkpoints that nobody who was named has signed.
    pub(super) strangers: usize,
    pub(super) faults: Vec<Fault>,
}

/// Reads the checkpoints below `dir`, the directory of a replica.
pub(super) fn read(dir: &Path, place: usize, origin: &str, known: &[WitnessKey]) -> Result<Folder, VerifyError> {
    let audit = dir.join(files::AUDIT_DIR);
    let failed = |file: PathBuf| move |error: io::Error| VerifyError::Io { file, error };
    let mut folder = Folder::default();
    for size in files::sizes(&audit).map_err(failed(audit.clone()))? {
        let file = files::note(&audit, size);
        let Some(bytes) = files::read_note(&audit, size).map_err(failed(file.clone()))? else { continue };
        match signed(&bytes, size, origin, known) {
            Ok(found) if found.is_empty() => folder.strangers += 1,
            Ok(found) => folder.signed.extend(found.into_iter().map(|signed| Signed { place, ..signed })),
            Err(reason) => folder.faults.push(Fault::Note { file, reason }),
        }
    }
    Ok(folder)
}

fn signed(bytes: &[u8], size: u64, origin: &str, known: &[WitnessKey]) -> Result<Vec<Signed>, String> {
    let note = Note::parse(bytes).map_err(|error| error.to_string())?;
    let (found, cosigned) = checkpoint::open(&note, known).map_err(|error| error.to_string())?;
    if found.size != size {
        return Err(format!("is a checkpoint of {} entries", found.size));
    }
    if found.origin != origin {
        return Err(format!("is a checkpoint of another log, {}", found.origin));
    }
    let signed = cosigned.into_iter().map(|one| {
        let (witness, unix_s) = (one.witness.name().to_owned(), one.unix_s);
        Signed { size, root: found.root, witness, unix_s, place: 0 }
    });
    Ok(signed.collect())
}

/// Two roots of one size, wherever they lie.
pub(super) fn forks(sorted: &[Signed]) -> Vec<Fault> {
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    let forked = pairs.filter(|(one, other)| one.size == other.size && one.root != other.root);
    let fork = |(one, other): (&Signed, &Signed)| Fault::Fork {
        size: one.size,
        one: one.witness.clone(),
        other: other.witness.clone(),
    };
    forked.map(fork).collect()
}
