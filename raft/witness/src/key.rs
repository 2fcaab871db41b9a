//! Keys of witnesses, in the text forms of signed notes.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, VerifyingKey};
use sha2::{Digest, Sha256};

/// The type of a key that makes timestamped cosignatures.
const COSIGNATURE: u8 = 4;
const PRIVATE: &str = "PRIVATE+KEY+";
/// Most bytes of a name.
const NAME_BYTES_MAX: usize = 128;

/// A witness's public key: `<name>+<key id>+<base64 of type and key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: VerifyingKey,
}

/// A witness's secret key. Neither printed nor compared.
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

/// A text that is no key. It does not repeat the text, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKey {
    expected: &'static str,
}

impl WitnessKey {
    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short id that stands before a signature, of name, type and key.
    pub fn id(&self) -> [u8; 4] {
        let digest = Sha256::new().chain_update(&self.name).chain_update([b'\n', COSIGNATURE]);
        let digest: [u8; 32] = digest.chain_update(self.key.as_bytes()).finalize().into();
        [digest[0], digest[1], digest[2], digest[3]]
    }

    pub(crate) fn vouches(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        // Strict: neither weak keys nor a second form of a signature.
        self.key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl SigningKey {
    /// The key that follows from these 32 random bytes, under a name such as `ridethrough/demo/n1`.
    pub fn new(name: &str, secret: [u8; 32]) -> Result<Self, BadKey> {
        check_name(name)?;
        Ok(Self { name: name.into(), key: ed25519_dalek::SigningKey::from_bytes(&secret) })
    }

    /// The key in a file's text; lines that begin with `#` are for people.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(BadKey { expected: "one line with `PRIVATE+KEY+…`" });
        };
        let rest = line.strip_prefix(PRIVATE).ok_or(BadKey { expected: "`PRIVATE+KEY+` before the name" })?;
        let (name, id, secret) = parts(rest)?;
        let key = Self::new(name, secret)?;
        if key.public().id() == id { Ok(key) } else { Err(WRONG_ID) }
    }

    /// The text that [`Self::parse`] reads. It is the secret.
    pub fn export(&self) -> String {
        let line = line(&self.name, self.public().id(), self.key.as_bytes());
        format!("# Whoever has this file can sign checkpoints of the log. public {}\n{PRIVATE}{line}\n", self.public())
    }

    /// The half that may be known.
    pub fn public(&self) -> WitnessKey {
        WitnessKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

const WRONG_ID: BadKey = BadKey { expected: "the key id that name and key have" };

/// Name, id and key of `<name>+<id>+<base64>`.
fn parts(text: &str) -> Result<(&str, [u8; 4], [u8; 32]), BadKey> {
    let form = BadKey { expected: "<name>+<8 hexadecimal digits>+<base64>" };
    let mut fields = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next()) else { return Err(form) };
    check_name(name)?;
    let digits = id.len() == 8 && id.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    let id = u32::from_str_radix(id, 16).ok().filter(|_| digits).ok_or(form)?;
    let bytes = STANDARD.decode(key).map_err(|_| BadKey { expected: "base64 in its last part" })?;
    match bytes.split_first() {
        Some((&COSIGNATURE, key)) => {
            let key = key.try_into().map_err(|_| BadKey { expected: "a key of 32 bytes" })?;
            Ok((name, id.to_be_bytes(), key))
        }
        _ => Err(BadKey { expected: "a key of type 4 (cosignature/v1)" }),
    }
}

fn check_name(name: &str) -> Result<(), BadKey> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(bad) {
        return Err(BadKey { expected: "a name of 1 to 128 bytes without spaces and `+`" });
    }
    Ok(())
}

fn line(name: &str, id: [u8; 4], key: &[u8; 32]) -> String {
    let mut bytes = vec![COSIGNATURE];
    bytes.extend_from_slice(key);
    format!("{name}+{:08x}+{}", u32::from_be_bytes(id), STANDARD.encode(bytes))
}

impl FromStr for WitnessKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let (name, id, bytes) = parts(text)?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        let key = key.ok_or(BadKey { expected: "an Ed25519 public key; these bytes are none" })?;
        let key = Self { name: name.into(), key };
        if key.id() == id { Ok(key) } else { Err(WRONG_ID) }
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(&self.name, self.id(), self.key.as_bytes()))
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

    fn key() -> SigningKey {
        SigningKey::new("ridethrough/demo/n1", [5; 32]).expect("a good name")
    }

    #[test]
    fn keys_are_read_back_and_the_secret_is_never_shown() {
        let key = key();
        assert_eq!(SigningKey::parse(&key.export()).expect("its own text").public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        let secret = STANDARD.encode([5; 30]);
        assert!(key.export().contains(&secret) && !format!("{key:?}").contains(&secret), "the secret is printed");
        for bad in ["", &key.export().repeat(2), &key.public().to_string(), "PRIVATE+KEY+n+00000000+BA=="] {
            assert!(SigningKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_other_form_of_a_public_key_is_refused() {
        let text = key().public().to_string();
        let renamed = text.replace("n1", "n2");
        let of_another_type = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let neutral = format!("n+00000000+{}", STANDARD.encode([[COSIGNATURE, 1].as_slice(), &[0; 31]].concat()));
        for bad in [&text[1..], &format!("{text} "), &format!("{text}="), &renamed, of_another_type, &neutral, "n", ""]
        {
            assert!(bad.parse::<WitnessKey>().is_err(), "{bad}");
        }
        for name in ["", "a b", "a+b", "a\nb", &"n".repeat(129)] {
            assert!(SigningKey::new(name, [5; 32]).is_err(), "{name:?}");
        }
    }
}
