//! What a witness signs: the log's name, the tree's size and its root, at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::Hash;
use crate::key::{SigningKey, WitnessKey};
use crate::note::{BadNote, Line, Note};

/// A tree of one log, by size and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// A witness's word on a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosigned<'a> {
    /// Who.
    pub witness: &'a WitnessKey,
    /// When, by the witness's own clock, in seconds since 1970.
    pub unix_s: u64,
}

/// The name of a cluster's log.
pub fn origin(cluster: &[u8; 16]) -> String {
    let hex: String = cluster.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("ridethrough/{hex}")
}

impl Checkpoint {
    /// The text of its note.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The checkpoint in a note's text. Lines of an extension are refused: nobody would audit them.
    pub fn parse(text: &str) -> Result<Self, BadNote> {
        let wrong = |expected| BadNote { expected };
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines[..] else { return Err(wrong("origin, size and root, one line each")) };
        let root = STANDARD.decode(root).ok().and_then(|bytes| bytes.try_into().ok());
        let root = root.ok_or(wrong("a root of 32 bytes in base64"))?;
        let size = size.parse().map_err(|_| wrong("a size in its second line"))?;
        let parsed = Self { origin: origin.into(), size, root };
        // One value has one form, so `+7` and `07` are no sizes.
        if origin.is_empty() || parsed.to_text() != text {
            return Err(wrong("an origin, and a size without zeros before it"));
        }
        Ok(parsed)
    }

    /// The note that says that this witness saw this tree at this time, in seconds since 1970.
    pub fn cosign(&self, key: &SigningKey, unix_s: u64) -> Note {
        let (text, public) = (self.to_text(), key.public());
        let signature = [unix_s.to_be_bytes().as_slice(), &key.sign(&message(unix_s, &text))].concat();
        Note { signatures: vec![Line { name: public.name().into(), id: public.id(), signature }], text }
    }
}

/// The checkpoint in a note with those of these witnesses who vouch for it; none may. Fails when what claims to be the
/// word of one of them is not.
pub fn open<'a>(note: &Note, known: &'a [WitnessKey]) -> Result<(Checkpoint, Vec<Cosigned<'a>>), BadNote> {
    let checkpoint = Checkpoint::parse(&note.text)?;
    let mut cosigned = Vec::new();
    for line in &note.signatures {
        let named = |key: &&WitnessKey| key.name() == line.name && key.id() == line.id;
        let Some(witness) = known.iter().find(named) else { continue };
        let forged = BadNote { expected: "a signature of the witness that it names" };
        let (time, signature) = line.signature.split_first_chunk::<8>().ok_or(forged.clone())?;
        let (unix_s, signature) = (u64::from_be_bytes(*time), signature.try_into().map_err(|_| forged.clone())?);
        if unix_s > i64::MAX.unsigned_abs() || !witness.vouches(&message(unix_s, &note.text), signature) {
            return Err(forged);
        }
        cosigned.push(Cosigned { witness, unix_s });
    }
    Ok((checkpoint, cosigned))
}

fn message(unix_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {unix_s}\n{text}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::new(&format!("ridethrough/demo/n{seed}"), [seed; 32]).expect("a good name")
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: origin(&[0xab; 16]), size: 256, root: [7; 32] }
    }

    #[test]
    fn only_a_known_witness_counts() {
        let note = Note::parse(checkpoint().cosign(&key(1), 1_700_000_000).to_text().as_bytes()).expect("its own text");
        let (known, strangers) = ([key(2).public(), key(1).public()], [key(2).public()]);
        let (found, cosigned) = open(&note, &known).expect("signed");
        assert_eq!((found, cosigned.len(), cosigned[0].unix_s), (checkpoint(), 1, 1_700_000_000));
        assert_eq!(cosigned[0].witness, &known[1]);
        assert_eq!(open(&note, &strangers).expect("read").1, []);
    }

    #[test]
    fn no_changed_bit_leaves_a_checkpoint_with_a_witness() {
        let (text, known) = (checkpoint().cosign(&key(1), 1_700_000_000).to_text(), [key(1).public()]);
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let opened = Note::parse(&changed).and_then(|note| open(&note, &known).map(|(_, who)| who.len()));
            assert!(matches!(opened, Ok(0) | Err(_)), "bit {bit}: {opened:?}");
        }
    }

    #[test]
    fn a_witnesss_word_is_moved_to_no_other_tree_and_no_other_name() {
        let (mut note, known) = (checkpoint().cosign(&key(1), 7), [key(1).public()]);
        note.text = Checkpoint { size: 512, ..checkpoint() }.to_text();
        assert!(open(&note, &known).is_err(), "another tree");
        let mut borrowed = checkpoint().cosign(&key(2), 7);
        let own = key(1).public();
        (borrowed.signatures[0].name, borrowed.signatures[0].id) = (own.name().into(), own.id());
        assert!(open(&borrowed, &known).is_err(), "another's name");
    }

    #[test]
    fn a_size_and_a_root_have_one_form() {
        let good = checkpoint().to_text();
        assert_eq!(Checkpoint::parse(&good), Ok(checkpoint()));
        for (from, to) in [
            ("\n256\n", "\n0256\n"),
            ("\n256\n", "\n+256\n"),
            ("=\n", "\n"),
            ("=\n", "=\nmore\n"),
            ("ridethrough", "\n"),
        ] {
            let changed = good.replacen(from, to, 1);
            assert_ne!(changed, good);
            assert!(Checkpoint::parse(&changed).is_err(), "{changed:?}");
        }
    }
}
