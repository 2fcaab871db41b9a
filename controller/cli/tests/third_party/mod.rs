//! Proofs, checkpoints and tiles, judged by libraries that nobody here wrote: `signed_note` (the note, keys' names and ids,
//! Ed25519) and `tlog_tiles` (checkpoint, RFC 6962 inclusion, tiles).
//!
//! What they do not have stands here: the lines of a tlog-proof, and the message of a timestamped cosignature
//! (`cosignature/v1`), which is put before their check of the signature. Their Ed25519 is the crate that ours is.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signed_note::{Note, StandardVerifier, Verifier, VerifierList, key_id};
use tlog_tiles::{Checkpoint, Hash, RecordProof, Tile, check_record, record_hash};

const ED25519: u8 = 1;

/// A witness of `cosignature/v1`, by its public key.
struct Witness {
    name: String,
    id: u32,
    /// Checks plain signatures by the same key.
    plain: StandardVerifier,
}

impl Witness {
    fn new(vkey: &str) -> Self {
        let parts: Vec<&str> = vkey.splitn(3, '+').collect();
        let [name, id, key] = parts[..] else { panic!("{vkey}") };
        let mut key = STANDARD.decode(key).expect("base64");
        let id = u32::from_str_radix(id, 16).expect("hexadecimal");
        assert_eq!(key_id(name, &key), id, "the id follows from name, type and key");
        key[0] = ED25519;
        let plain = format!("{name}+{:08x}+{}", key_id(name, &key), STANDARD.encode(&key));
        Self { name: name.into(), id, plain: StandardVerifier::new(&plain).expect("a key") }
    }
}

impl Verifier for Witness {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((time, signature)) = signature.split_first_chunk::<8>() else { return false };
        let head = format!("cosignature/v1\ntime {}\n", u64::from_be_bytes(*time));
        self.plain.verify(&[head.as_bytes(), text].concat(), signature)
    }
}

/// The checkpoint in a note, if one of these witnesses has signed it.
fn checkpoint(note: &[u8], vkeys: &[String]) -> Result<Checkpoint, String> {
    let note = Note::from_bytes(note).map_err(|error| error.to_string())?;
    let witnesses = vkeys.iter().map(|vkey| Box::new(Witness::new(vkey)) as Box<dyn Verifier>);
    note.verify(&VerifierList::new(witnesses.collect())).map_err(|error| error.to_string())?;
    Checkpoint::from_bytes(note.text()).map_err(|error| error.to_string())
}

/// Whether this tlog-proof shows that its entry is in a log that one of these witnesses signed: which entry, of how many.
pub fn proof(text: &str, vkeys: &[String]) -> Result<(u64, u64), String> {
    let (head, note) = text.split_once("\n\n").ok_or("no checkpoint")?;
    let mut lines = head.lines().skip(1);
    let mut field = |name| lines.next().and_then(|line| line.strip_prefix(name)).ok_or(name);
    let entry = STANDARD.decode(field("extra ")?).map_err(|error| error.to_string())?;
    let index = field("index ")?.parse().map_err(|_| "no index")?;
    let hashes: Result<RecordProof, _> = lines.map(Hash::parse_hash).collect();
    let hashes = hashes.map_err(|error| error.to_string())?;
    let signed = checkpoint(note.as_bytes(), vkeys)?;
    let checked = check_record(&hashes, signed.size(), *signed.hash(), index, record_hash(&entry));
    checked.map_err(|error| error.to_string())?;
    Ok((index, signed.size()))
}

/// Whether the first tile below `audit/` hashes to what was signed of the first 256 entries.
pub fn first_tile(audit: &Path, vkeys: &[String]) -> bool {
    let note = std::fs::read(audit.join("checkpoint-00000000000000000256.note")).expect("a checkpoint");
    let tile = std::fs::read(audit.join("tile/0/000")).expect("a tile");
    let signed = checkpoint(&note, vkeys).expect("signed");
    assert_eq!((signed.size(), tile.len()), (256, 256 * 32));
    Tile::subtree_hash(&tile) == *signed.hash()
}
