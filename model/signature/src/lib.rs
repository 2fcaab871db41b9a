//! Who vouches for a model: a detached Ed25519 signature over its manifest, which in turn holds the model's hash.
//!
//! ```text
//! forecast.onnx ◄──sha256── forecast.json ◄──signature── forecast.json.sig ◄──key── forecast.trusted of a replica
//! ```
//!
//! What is signed is [`DOMAIN`], the version, the manifest's length and its bytes. The version is the signer's: whoever
//! releases a model numbers it, and training knows nothing of it. A signature has one form only, so that any changed bit
//! in its file is refused, as is any in the manifest.

mod key;
mod signature;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

pub use key::{BadKey, KeyId, PublicKey, SigningKey};
pub use signature::{SIGNATURE_BYTES_MAX, Signature};

/// What begins every signed statement, so that no signature over anything else can pass for one over a manifest.
pub const DOMAIN: &[u8] = b"ridethrough model manifest 1\0";

/// Why nobody vouches for a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The file is no signature.
    Malformed {
        /// What it should be.
        expected: &'static str,
    },
    /// It was made with a key that is not trusted here.
    UnknownKey {
        /// The key that it names.
        key: KeyId,
    },
    /// The manifest, the version or the signature is not what was signed.
    Forged {
        /// The key that it names.
        key: KeyId,
    },
}

/// The signature's file: beside the manifest, with `.sig` at its end.
pub fn signature_path(manifest: &Path) -> PathBuf {
    let mut name: OsString = manifest.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// The version that a trusted key gave this manifest.
pub fn verify(manifest: &[u8], signature: &[u8], trusted: &[PublicKey]) -> Result<u64, Refused> {
    let signature = Signature::parse(signature)?;
    let key = signature.key;
    let signer = trusted.iter().find(|one| one.id() == key).ok_or(Refused::UnknownKey { key })?;
    if signer.vouches(&signature::statement(signature.version, manifest), &signature.bytes) {
        Ok(signature.version)
    } else {
        Err(Refused::Forged { key })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { expected } => write!(f, "is no signature (expected {expected})"),
            Self::UnknownKey { key } => write!(f, "is by key {key}, which is not trusted here"),
            Self::Forged { key } => write!(f, "is not what key {key} signed: manifest or signature was changed"),
        }
    }
}

impl std::error::Error for Refused {}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly these many bytes from lower-case hexadecimal digits.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MANIFEST: &[u8] = b"{\"sha256\": \"00\"}";

    fn key(seed: u8) -> SigningKey {
        SigningKey::new([seed; 32])
    }

    fn signed() -> Vec<u8> {
        key(1).sign(7, MANIFEST).to_text().into_bytes()
    }

    #[test]
    fn what_a_trusted_key_signed_has_its_version() {
        assert_eq!(verify(MANIFEST, &signed(), &[key(2).public(), key(1).public()]), Ok(7));
    }

    #[test]
    fn another_key_is_named() {
        let unknown = Err(Refused::UnknownKey { key: key(1).public().id() });
        assert_eq!(verify(MANIFEST, &signed(), &[key(2).public()]), unknown);
        assert_eq!(verify(MANIFEST, &signed(), &[]), unknown);
    }

    /// A signature that names a trusted key, made with another one.
    #[test]
    fn a_borrowed_name_is_no_signature() {
        let text = key(3).sign(7, MANIFEST).to_text();
        let (own, other) = (key(3).public().id().to_string(), key(1).public().id());
        let borrowed = text.replace(&own, &other.to_string());
        assert_ne!(borrowed, text);
        assert_eq!(verify(MANIFEST, borrowed.as_bytes(), &[key(1).public()]), Err(Refused::Forged { key: other }));
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let (signature, trusted) = (signed(), [key(1).public()]);
        for bit in 0..signature.len() * 8 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(MANIFEST, &changed, &trusted).is_err(), "bit {bit} of the signature");
        }
        for bit in 0..MANIFEST.len() * 8 {
            let mut changed = MANIFEST.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&changed, &signature, &trusted).is_err(), "bit {bit} of the manifest");
        }
    }

    #[test]
    fn every_truncation_and_every_addition_is_refused() {
        let (signature, trusted) = (signed(), [key(1).public()]);
        for length in 0..signature.len() {
            assert!(verify(MANIFEST, &signature[..length], &trusted).is_err(), "{length} bytes of the signature");
        }
        for length in 0..MANIFEST.len() {
            assert!(verify(&MANIFEST[..length], &signature, &trusted).is_err(), "{length} bytes of the manifest");
        }
        for more in [&b"\n"[..], b" ", b"\0", b"version 8\n"] {
            assert!(verify(MANIFEST, &[&signature, more].concat(), &trusted).is_err());
            assert!(verify(&[MANIFEST, more].concat(), &signature, &trusted).is_err());
        }
    }

    #[test]
    fn a_version_cannot_be_changed_or_written_in_another_way() {
        let text = key(1).sign(7, MANIFEST).to_text();
        for other in ["version 8\n", "version 07\n", "version +7\n", "version 7 \n", "version \n"] {
            let changed = text.replace("version 7\n", other);
            assert!(verify(MANIFEST, changed.as_bytes(), &[key(1).public()]).is_err(), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(verify(MANIFEST, &bytes, &[key(1).public()]).is_err());
        }

        #[test]
        fn whatever_was_signed_is_verified(manifest in prop::collection::vec(any::<u8>(), 0..400), version: u64) {
            let text = key(1).sign(version, &manifest).to_text();
            prop_assert_eq!(verify(&manifest, text.as_bytes(), &[key(1).public()]), Ok(version));
        }
    }
}
