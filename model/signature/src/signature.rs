//! A signature and its file.

use crate::key::KeyId;
use crate::{DOMAIN, Refused, hex, unhex};

/// Most bytes of a signature's file; no signature has as many.
pub const SIGNATURE_BYTES_MAX: u64 = 512;

const HEADER: &str = "ridethrough model signature 1";

/// A key's word on a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The number that the signer gave the model.
    pub version: u64,
    /// The signer's key.
    pub key: KeyId,
    /// The Ed25519 signature.
    pub bytes: [u8; 64],
}

impl Signature {
    /// The file's text: four lines, each with one form.
    pub fn to_text(&self) -> String {
        format!("{HEADER}\nversion {}\nkey {}\nsignature {}\n", self.version, self.key, hex(&self.bytes))
    }

    /// The signature in these bytes, if they are just those that [`Self::to_text`] gives.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        let wrong = |expected| Refused::Malformed { expected };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("text"))?;
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(wrong("`ridethrough model signature 1` in its first line"));
        }
        let mut field = |name| lines.next().and_then(|line| line.strip_prefix(name));
        let version = field("version ").and_then(|text| text.parse().ok()).ok_or(wrong("`version` and a number"))?;
        let key = field("key ").and_then(unhex).map(KeyId).ok_or(wrong("`key` and 16 hexadecimal digits"))?;
        let bytes = field("signature ").and_then(unhex).ok_or(wrong("`signature` and 128 hexadecimal digits"))?;
        let parsed = Self { version, key, bytes };
        // One value has one form: no second one can be made of a signature that is known.
        if parsed.to_text() == text { Ok(parsed) } else { Err(wrong("four lines and nothing else")) }
    }
}

/// What is signed of a manifest.
pub(crate) fn statement(version: u64, manifest: &[u8]) -> Vec<u8> {
    let length = manifest.len() as u64;
    [DOMAIN, &version.to_le_bytes(), &length.to_le_bytes(), manifest].concat()
}
