//! A signed note: text, a blank line, and a line for each signature.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most bytes of a note.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// Most signatures of a note.
pub const SIGNATURES_MAX: usize = 64;

/// A note. Its text means nothing until a known key has vouched for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed, the final newline included.
    pub text: String,
    /// Who claims to have signed it.
    pub signatures: Vec<Line>,
}

/// A signature's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The name of the key.
    pub name: String,
    /// Its id.
    pub id: [u8; 4],
    /// What the key made of the text.
    pub signature: Vec<u8>,
}

/// Why bytes are no note, or none of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNote {
    pub(crate) expected: &'static str,
}

impl Note {
    /// The note that these bytes are.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        let wrong = |expected| BadNote { expected };
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(wrong("at most 64 KiB"));
        }
        let all = std::str::from_utf8(bytes).map_err(|_| wrong("UTF-8"))?;
        if all.contains(|c: char| c < ' ' && c != '\n') {
            return Err(wrong("no control characters"));
        }
        let blank = all.rfind("\n\n").ok_or(wrong("a blank line before the signatures"))?;
        let (text, lines) = (&all[..=blank], &all[blank + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(wrong("a newline at the end"))?;
        let signatures = lines.split('\n').take(SIGNATURES_MAX + 1).map(Line::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(wrong("at most 64 signatures"));
        }
        Ok(Self { text: text.into(), signatures })
    }

    /// The bytes that [`Self::parse`] reads.
    pub fn to_text(&self) -> String {
        let lines: String = self.signatures.iter().map(Line::to_text).collect();
        format!("{}\n{lines}", self.text)
    }
}

impl Line {
    fn parse(line: &str) -> Result<Self, BadNote> {
        let wrong = BadNote { expected: "signatures of the form `— <name> <base64>`" };
        let (name, signature) = line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or(wrong.clone())?;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
            return Err(wrong);
        }
        let bytes = STANDARD.decode(signature).map_err(|_| wrong.clone())?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or(wrong)?;
        Ok(Self { name: name.into(), id: *id, signature: signature.to_vec() })
    }

    fn to_text(&self) -> String {
        format!("— {} {}\n", self.name, STANDARD.encode([self.id.as_slice(), &self.signature].concat()))
    }
}

impl fmt::Display for BadNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is malformed: expected {}", self.expected)
    }
}

impl std::error::Error for BadNote {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own page.
    const EXAMPLE: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
        — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

    #[test]
    fn the_published_example_is_read_and_written() {
        let note = Note::parse(EXAMPLE.as_bytes()).expect("a note");
        assert!(note.text.ends_with("subito sera.\n") && note.text.starts_with("Ognuno"));
        assert_eq!((note.signatures[0].id, note.signatures[0].signature.len()), ([0x36, 0x7b, 0xa0, 0x4b], 64));
        assert_eq!(note.to_text(), EXAMPLE);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let many = format!("a\n\n{}", "— n AAAAAAA=\n".repeat(SIGNATURES_MAX + 1));
        let long = format!("{}\n\n— n AAAAAAA=\n", "a".repeat(NOTE_BYTES_MAX));
        let bad =
            ["", "a", "a\n", "a\n\n", "a\n\nb\n", "a\n\n— n AAAA\n", "a\n\n— n AAAAAAA=", "a\n\n— n n AAAAAAA=\n"];
        let more =
            ["a\r\n\n— n AAAAAAA=\n", "a\n\n— n+ AAAAAAA=\n", "a\n\n— n AAAAAAA\n", "a\n\n—  AAAAAAA=\n", &many, &long];
        for bad in bad.into_iter().chain(more) {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:.60}");
        }
        assert!(Note::parse(b"\xff\n\n").is_err());
        assert!(Note::parse("a\n\n— n AAAAAAA=\n".as_bytes()).is_ok());
    }
}
