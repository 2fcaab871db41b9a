//! One entry's proof, for whoever has neither the log nor the time to read it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{self, Checkpoint, Cosigned};
use crate::hash::{self, Hash};
use crate::key::WitnessKey;
use crate::note::{BadNote, Note};
use crate::tree;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Most bytes of a proof's file: the largest entry in base64, 64 hashes and a note.
pub const PROOF_BYTES_MAX: u64 = 2 << 20;

/// An entry, its place, the hashes from it to a root, and the signed checkpoint with that root.
///
/// The entry's bytes are the proof's `extra` line. That line is not authenticated by itself; the hashes are what binds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The entry's index in the log.
    pub index: u64,
    /// Its bytes as the log holds them.
    pub entry: Vec<u8>,
    /// From the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// Its checkpoint is no checkpoint, or is forged.
    Note(BadNote),
    /// None of the witnesses vouches for its checkpoint.
    Unwitnessed,
    /// The entry is not in the tree that the witnesses signed.
    OtherEntry {
        /// The entry's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
}

impl Proof {
    /// The proof in a file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        let wrong = |expected| BadNote { expected };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or(wrong("a blank line before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(wrong("`c2sp.org/tlog-proof@v1` in its first line"));
        }
        let mut field = |name| lines.next().and_then(|line| line.strip_prefix(name));
        let entry = field("extra ").and_then(|text| STANDARD.decode(text).ok());
        let entry = entry.ok_or(wrong("`extra` and the entry's bytes in base64"))?;
        let index = field("index ").and_then(|text| text.parse().ok()).ok_or(wrong("`index` and a number"))?;
        let hash = |line| STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
        let hashes = lines.map(hash).take(65).collect::<Option<Vec<Hash>>>().filter(|hashes| hashes.len() <= 64);
        let hashes = hashes.ok_or(wrong("at most 64 hashes in base64"))?;
        let parsed = Self { index, entry, hashes, note: Note::parse(note.as_bytes())? };
        if parsed.to_text() == text { Ok(parsed) } else { Err(wrong("each number in its one form")) }
    }

    /// The text that [`Self::parse`] reads.
    pub fn to_text(&self) -> String {
        let hashes: String = self.hashes.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
        let (entry, note) = (STANDARD.encode(&self.entry), self.note.to_text());
        format!("{HEADER}\nextra {entry}\nindex {}\n{hashes}\n{note}", self.index)
    }

    /// What these witnesses vouch for: that the entry is in the log, at this place.
    pub fn check<'a>(&self, known: &'a [WitnessKey]) -> Result<(Checkpoint, Vec<Cosigned<'a>>), Unproved> {
        let (checkpoint, witnesses) = checkpoint::open(&self.note, known).map_err(Unproved::Note)?;
        if witnesses.is_empty() {
            return Err(Unproved::Unwitnessed);
        }
        let (leaf, size) = (hash::leaf(&self.entry), checkpoint.size);
        if tree::includes(&leaf, self.index, size, &self.hashes, &checkpoint.root) {
            Ok((checkpoint, witnesses))
        } else {
            Err(Unproved::OtherEntry { index: self.index, size })
        }
    }
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(error) => write!(f, "its checkpoint {error}"),
            Self::Unwitnessed => f.write_str("none of the witnesses that were named has signed its checkpoint"),
            Self::OtherEntry { index, size } => {
                write!(f, "entry {index} is not what stands there in the log of {size} entries that was signed")
            }
        }
    }
}

impl std::error::Error for Unproved {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    fn key() -> SigningKey {
        SigningKey::new("n1", [1; 32]).expect("a good name")
    }

    fn proof(index: usize) -> Proof {
        let entries: Vec<Vec<u8>> = (0..11u8).map(|number| vec![number; 20]).collect();
        let leaves: Vec<Hash> = entries.iter().map(|entry| hash::leaf(entry)).collect();
        let checkpoint = Checkpoint { origin: "ridethrough/00".into(), size: 11, root: tree::root(&leaves) };
        let hashes = tree::inclusion(index, &leaves).expect("there");
        Proof { index: index as u64, entry: entries[index].clone(), hashes, note: checkpoint.cosign(&key(), 9) }
    }

    #[test]
    fn a_proof_is_read_back_and_holds() {
        for index in 0..11 {
            let read = Proof::parse(proof(index).to_text().as_bytes()).expect("its own text");
            assert_eq!(read, proof(index));
            let known = [key().public()];
            assert_eq!(read.check(&known).expect("holds").0.size, 11);
            assert_eq!(read.check(&[]).expect_err("nobody known"), Unproved::Unwitnessed);
        }
    }

    #[test]
    fn no_changed_bit_leaves_a_proof() {
        let (text, known) = (proof(6).to_text(), [key().public()]);
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let holds = Proof::parse(&changed).is_ok_and(|proof| proof.check(&known).is_ok());
            assert!(!holds, "bit {bit}");
        }
    }
}
