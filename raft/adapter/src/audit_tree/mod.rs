//! The log proves itself: a Merkle tree over the committed entries, and checkpoints of it that each replica signs.
//!
//! ```text
//!  state machine ──leaf of each applied entry──► Tree ──every 256 entries, and at the end──► notary thread ──► audit/
//!                                                 │
//!                                                 └── frontier, in every snapshot
//! ```
//!
//! A leaf is an entry's bytes as the log holds them; its index in the tree is the entry's in the log, whatever the entry
//! is. So every replica has the same tree, and whoever has a copy of a log can compute it.
//!
//! | module | subject |
//! |---|---|
//! | this one | the tree as it grows |
//! | `notary` | the thread that signs and writes |
//! | `files` | what lies in `audit/` |
//! | [`leaves`] | a log's leaves, read offline |
//! | [`verify`] | a log against what was signed, offline |
//! | [`prove`] | one entry's proof, offline |
//! | [`compare`] | checkpoints from anywhere against one log, offline |

pub mod compare;
pub(crate) mod files;
pub mod leaves;
pub(crate) mod notary;
pub mod prove;
pub mod verify;

pub use notary::AuditStatus;

use openraft::EntryPayload;
use ridethrough_core::command::{Entry, Position};
use ridethrough_witness::tree::Head;
use ridethrough_witness::{Frontier, Hash, hash};

use self::notary::{Notary, Sealed};
use crate::codec::CodecError;
use crate::codec::entry::encode_entry;
use crate::leader_id::Elected;
use crate::type_config::{LogEntry, LogId, Proposal};

/// So many entries lie between two checkpoints: as many as leaves in a tile.
pub const CHECKPOINT_ENTRIES: u64 = 256;

/// The tree of all that has been applied.
pub(crate) struct Tree {
    /// None when it is not known what the log began with; then nothing is signed.
    frontier: Option<Frontier>,
    /// The leaves since the last multiple of [`CHECKPOINT_ENTRIES`]; none when some of them are not known.
    tile: Option<Vec<Hash>>,
    notary: Option<Notary>,
}

impl Tree {
    /// The tree before any entry. Without a notary it grows all the same, for whoever gets a snapshot of it.
    pub(crate) fn new(notary: Option<Notary>) -> Self {
        Self { frontier: Some(Frontier::default()), tile: Some(Vec::new()), notary }
    }

    /// Appends an entry by its bytes in the log; none are given when it cannot be encoded, which no stored entry is.
    pub(crate) fn append(&mut self, index: u64, bytes: Option<&[u8]>) {
        let next = self.frontier.as_ref().map(Frontier::size);
        let (Some(frontier), Some(bytes)) = (self.frontier.as_mut().filter(|_| next == Some(index)), bytes) else {
            return self.lose(index);
        };
        let leaf = hash::leaf(bytes);
        frontier.push(leaf);
        if let Some(tile) = &mut self.tile {
            tile.push(leaf);
        }
        if frontier.size().is_multiple_of(CHECKPOINT_ENTRIES) {
            self.seal();
            self.tile = Some(Vec::new());
        }
    }

    /// Goes on from a snapshot.
    pub(crate) fn restore(&mut self, frontier: Option<Frontier>) {
        if frontier.is_none() {
            tracing::warn!("this snapshot does not say what the log before it was: no checkpoint is signed after it");
        }
        let whole = frontier.as_ref().is_some_and(|frontier| frontier.size().is_multiple_of(CHECKPOINT_ENTRIES));
        self.tile = whole.then(Vec::new);
        self.frontier = frontier;
        self.tell_known();
    }

    /// What a snapshot keeps of it.
    pub(crate) fn frontier(&self) -> Option<&Frontier> {
        self.frontier.as_ref()
    }

    fn lose(&mut self, index: u64) {
        if self.frontier.take().is_some() {
            tracing::warn!(
                index,
                "the tree over the log has a gap before this entry: no checkpoint is signed after it"
            );
            self.tell_known();
        }
    }

    fn tell_known(&self) {
        if let Some(notary) = &self.notary {
            notary.tree_known(self.frontier.is_some());
        }
    }

    fn seal(&mut self) {
        let (Some(notary), Some(frontier)) = (&self.notary, &self.frontier) else { return };
        let tile = self.tile.take().filter(|tile| tile.len() as u64 == CHECKPOINT_ENTRIES);
        notary.seal(Sealed { head: Head { size: frontier.size(), root: frontier.root() }, tile });
    }
}

/// The bytes that the log holds of an entry at this place: what its leaf is made of.
pub fn stored_bytes(at: Position, entry: Entry) -> Result<Vec<u8>, CodecError> {
    let leader = Elected { term: at.term, node: u64::from(at.leader.0) };
    encode_entry(&LogEntry { log_id: LogId::new(leader, at.index), payload: EntryPayload::Normal(Proposal(entry)) })
}

impl Drop for Tree {
    /// openraft drops its state machine when it has stopped: whatever was applied last is signed, too.
    fn drop(&mut self) {
        self.seal();
    }
}

#[cfg(test)]
mod tests;
