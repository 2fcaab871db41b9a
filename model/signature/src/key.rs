//! Keys: the one that signs, and those that are trusted.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::signature::{Signature, statement};
use crate::{hex, unhex};

const HEADER: &str = "ridethrough model signing key 1";

/// A key's short name: the first bytes of the public key's SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub(crate) [u8; 8]);

/// A key that is trusted, or not. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A key that signs. Neither printed nor compared.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A text that is no key. It does not repeat the text, which may be half a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKey {
    expected: &'static str,
}

impl PublicKey {
    /// Its short name.
    pub fn id(&self) -> KeyId {
        let digest: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        KeyId(id)
    }

    pub(crate) fn vouches(&self, statement: &[u8], signature: &[u8; 64]) -> bool {
        // Strict: neither weak keys nor a second form of a signature.
        self.0.verify_strict(statement, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let bytes: [u8; 32] = unhex(text).ok_or(BadKey { expected: "64 hexadecimal digits in lower case" })?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(Self).ok_or(BadKey { expected: "an Ed25519 public key; these digits are none" })
    }
}

impl SigningKey {
    /// The key that follows from these 32 random bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&secret))
    }

    /// The key in a file's text: a header and `secret` with its digits; lines that begin with `#` are for people.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        if lines.next() != Some(HEADER) {
            return Err(BadKey { expected: "`ridethrough model signing key 1` in its first line" });
        }
        let secret = lines.next().and_then(|line| line.strip_prefix("secret ")).and_then(unhex);
        match (secret, lines.next()) {
            (Some(secret), None) => Ok(Self::new(secret)),
            _ => Err(BadKey { expected: "`secret` and 64 hexadecimal digits in its second line" }),
        }
    }

    /// The text that [`Self::parse`] reads. It is the secret.
    pub fn export(&self) -> String {
        let secret = hex(self.0.as_bytes());
        format!("# Whoever has this file can sign models. public {}\n{HEADER}\nsecret {secret}\n", self.public())
    }

    /// The half that may be known.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Vouches for a manifest, which is given this version.
    pub fn sign(&self, version: u64, manifest: &[u8]) -> Signature {
        let bytes = self.0.sign(&statement(version, manifest)).to_bytes();
        Signature { version, key: self.public().id(), bytes }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", self.public())
    }
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no key: expected {}", self.expected)
    }
}

impl std::error::Error for BadKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_read_back_and_never_shown() {
        let key = SigningKey::new([5; 32]);
        let read = SigningKey::parse(&key.export()).expect("its own text");
        assert_eq!(read.public(), key.public());
        assert!(!format!("{key:?}").contains(&"05".repeat(8)), "the secret is printed");
        for bad in ["", "secret 05", "ridethrough model signing key 1\nsecret 05", &key.export().repeat(2)] {
            let error = SigningKey::parse(bad).expect_err("refused");
            assert!(!error.to_string().contains("05"), "{error}");
        }
    }

    #[test]
    fn a_public_key_has_one_form_and_is_no_weak_one() {
        let text = SigningKey::new([5; 32]).public().to_string();
        assert_eq!(text.parse::<PublicKey>().expect("its own text").to_string(), text);
        let neutral = format!("01{}", "0".repeat(62));
        for bad in [&text[1..], &text.to_uppercase(), &format!("{text} "), &neutral, &"0".repeat(64)] {
            assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
        }
    }
}
