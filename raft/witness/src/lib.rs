//! A Merkle tree over a log, and signed checkpoints of it, so that a log proves itself to whoever has a public key.
//!
//! ```text
//!  entry's bytes ──leaf──► Frontier ──root──► Checkpoint ──cosign──► note ──► whoever keeps it
//!                              │                                      │
//!                     leaf hashes ──► inclusion, consistency ──► Proof ──► checked without the log
//! ```
//!
//! | module | subject | written down in |
//! |---|---|---|
//! | [`hash`] | hashes of leaves and nodes | RFC 6962, 2.1 |
//! | [`frontier`] | a tree that only grows: at most 64 hashes | – |
//! | [`tree`] | roots and proofs over leaf hashes, and their verification | RFC 6962, 2.1.1 and 2.1.2; RFC 9162, 2.1.3.2 and 2.1.4.2 |
//! | [`key`] | keys of witnesses | C2SP signed-note |
//! | [`note`] | signed text | C2SP signed-note |
//! | [`checkpoint`] | what a witness signs | C2SP tlog-checkpoint, tlog-cosignature |
//! | [`proof`] | one entry's proof in a file | C2SP tlog-proof |
//!
//! What a signature says: at this time, this was the largest tree of this log that I had seen, and it has this root. Two
//! signatures over two roots of one size are a fork, whoever made them.

pub mod checkpoint;
pub mod frontier;
pub mod hash;
pub mod key;
pub mod note;
pub mod proof;
pub mod tree;

pub use checkpoint::Checkpoint;
pub use frontier::Frontier;
pub use hash::Hash;
pub use key::{BadKey, SigningKey, WitnessKey};
pub use note::{BadNote, Note};
pub use proof::Proof;
