//! Names the entry in which a log differs from what was signed.

use std::path::PathBuf;

use ridethrough_witness::{Frontier, Hash};

use super::fault::Change;
use super::signed::Signed;
use crate::audit_tree::leaves::Leaves;
use crate::audit_tree::{CHECKPOINT_ENTRIES, files};

/// Where the leaves that were signed may be found: the tiles and the logs of all directories that were named.
pub(super) struct Sources<'a> {
    pub(super) dirs: &'a [PathBuf],
    pub(super) logs: &'a [Leaves],
}

impl Sources<'_> {
    /// The leaves from `known.size()` on that give the root that was signed.
    pub(super) fn authentic(&self, known: &Frontier, signed: &Signed) -> Option<Vec<Hash>> {
        let from_logs = self.logs.iter().map(|log| log_leaves(log, known.size(), signed.size));
        let audits = self.dirs.iter().map(|dir| dir.join(files::AUDIT_DIR));
        let from_tiles = audits.map(|audit| tile_leaves(&audit, known.size(), signed.size));
        let gives_root = |leaves: &Vec<Hash>| {
            let mut tree = known.clone();
            for leaf in leaves {
                tree.push(*leaf);
            }
            tree.size() == signed.size && tree.root() == signed.root
        };
        from_logs.chain(from_tiles).flatten().find(gives_root)
    }
}

fn log_leaves(log: &Leaves, first: u64, end: u64) -> Option<Vec<Hash>> {
    (end <= log.end()).then(|| (first..end).map(|index| log.get(index).copied()).collect()).flatten()
}

fn tile_leaves(audit: &std::path::Path, first: u64, end: u64) -> Option<Vec<Hash>> {
    let mut leaves = Vec::new();
    for number in first / CHECKPOINT_ENTRIES..end.div_ceil(CHECKPOINT_ENTRIES) {
        // A tile that cannot be read tells as little as one that is not there.
        let tile = files::read_tile(audit, number).ok().flatten()?;
        let indexed = (number * CHECKPOINT_ENTRIES..).zip(tile);
        leaves.extend(indexed.filter(|(index, _)| (first..end).contains(index)).map(|(_, leaf)| leaf));
    }
    Some(leaves)
}

/// The first entry from `first` on that differs, and how.
pub(super) fn difference(log: &Leaves, first: u64, authentic: &[Hash]) -> Option<(u64, Change)> {
    let held = |at: usize| log.get(first + at as u64);
    let at = (0..authentic.len()).find(|&at| held(at) != Some(&authentic[at]))?;
    let other = (at + 1..authentic.len()).find(|&other| held(at) == Some(&authentic[other]));
    let swapped = other.filter(|&other| held(other) == Some(&authentic[at]));
    let change = match (swapped, other) {
        (Some(with), _) => Change::Swapped { with: first + with as u64 },
        (None, Some(next)) if next == at + 1 => Change::Deleted,
        _ if held(at + 1) == Some(&authentic[at]) => Change::Inserted,
        _ => Change::Edited,
    };
    Some((first + at as u64, change))
}
