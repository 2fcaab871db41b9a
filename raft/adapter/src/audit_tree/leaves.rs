//! The leaves of a log's tree, read from a replica's directory or a copy of it: offline, read-only, undecoded.

use std::path::Path;

use ridethrough_raft_log::ReadError;
use ridethrough_raft_log::reader::Record;
use ridethrough_witness::{Frontier, Hash, hash};

use crate::retention::log_reader;

/// The leaves of the entries that a log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// The cluster whose log it is.
    pub cluster: [u8; 16],
    /// Entries in force with their leaf hashes, in order of their index.
    hashes: Vec<(u64, Hash)>,
    /// Where a gap in the indexes ends because the replica caught up by a snapshot: the entry after it.
    caught_up: Vec<u64>,
}

/// Reads the leaves of the log of the replica whose directory is `dir`, or that lies in `dir` itself. Holds 40 bytes for
/// each entry.
pub fn read_leaves(dir: &Path) -> Result<Leaves, ReadError> {
    let reader = log_reader(dir)?;
    let mut leaves = Leaves { cluster: reader.cluster(), hashes: Vec::new(), caught_up: Vec::new() };
    for record in reader {
        match record?.1 {
            Record::Entry { index, payload } => leaves.put(index, hash::leaf(&payload)),
            Record::TruncateAfter { index } => leaves.truncate(index.map_or(0, |kept| kept.saturating_add(1))),
            Record::Purge { index } => leaves.caught_up.push(index.saturating_add(1)),
            Record::Vote { .. } | Record::Committed { .. } => {}
        }
    }
    Ok(leaves)
}

impl Leaves {
    /// The leaves from the first entry on, without a gap.
    pub fn from_start(&self) -> Vec<Hash> {
        let whole = self.hashes.iter().zip(0u64..).take_while(|((index, _), expected)| index == expected);
        whole.map(|((_, hash), _)| *hash).collect()
    }

    /// The leaf of an entry.
    pub fn get(&self, index: u64) -> Option<&Hash> {
        let place = self.hashes.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        self.hashes.get(place).map(|(_, hash)| hash)
    }

    /// All of them, with their indexes.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Hash)> {
        self.hashes.iter().map(|(index, hash)| (*index, hash))
    }

    /// The gaps in the indexes, that before the first entry included: the first and the last that is missing.
    pub fn gaps(&self) -> impl Iterator<Item = (u64, u64)> {
        let before = std::iter::once(0).chain(self.hashes.iter().map(|(index, _)| index.saturating_add(1)));
        let gaps = before.zip(self.hashes.iter().map(|(index, _)| *index)).filter(|(next, index)| next < index);
        gaps.map(|(next, index)| (next, index - 1))
    }

    /// Whether a gap with this last entry is what catching up by a snapshot leaves.
    pub fn is_caught_up(&self, gap_last: u64) -> bool {
        self.caught_up.contains(&gap_last.saturating_add(1))
    }

    /// The entry after the last.
    pub fn end(&self) -> u64 {
        self.hashes.last().map_or(0, |(index, _)| index.saturating_add(1))
    }

    /// The tree of the first `size` entries; none when the log does not hold them all.
    pub(crate) fn frontier(&self, size: u64) -> Option<Frontier> {
        let mut frontier = Frontier::default();
        for (index, leaf) in self.iter().take_while(|(index, _)| *index < size) {
            if index != frontier.size() {
                return None;
            }
            frontier.push(*leaf);
        }
        (frontier.size() == size).then_some(frontier)
    }

    fn put(&mut self, index: u64, hash: Hash) {
        if self.end() <= index {
            return self.hashes.push((index, hash));
        }
        match self.hashes.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(place) => self.hashes[place].1 = hash,
            Err(place) => self.hashes.insert(place, (index, hash)),
        }
    }

    fn truncate(&mut self, end: u64) {
        let kept = self.hashes.partition_point(|(index, _)| *index < end);
        self.hashes.truncate(kept);
    }
}
