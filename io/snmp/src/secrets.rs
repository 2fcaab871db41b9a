//! Who may ask: the operator's file.

use std::fmt;

use async_snmp::v3::{LocalizedKey, MasterKeys, PrivKey};
use async_snmp::{AuthProtocol, PrivProtocol};
use ridethrough_door::{BadSecrets, SecretFile, check_password, is_visible};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use toml::Spanned;

/// At most so many users.
const USERS_MAX: usize = 64;
/// How long a name may be (RFC 3411), and a password and a community.
const NAME_MAX: usize = 32;
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=128;
const COMMUNITY: std::ops::RangeInclusive<usize> = 8..=64;

/// Everybody who may ask. Of passwords only keys are kept, of the community its digest.
pub struct Secrets {
    users: Vec<User>,
    community: Option<[u8; 32]>,
}

struct User {
    name: String,
    keys: MasterKeys,
}

/// A user's keys for one engine.
pub struct Keys {
    /// What messages are signed with.
    pub auth: LocalizedKey,
    /// What they are encrypted with.
    pub privacy: PrivKey,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let community = if self.community.is_some() { "a community" } else { "no community" };
        write!(f, "Secrets({} users, {community})", self.users.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    community: Option<Spanned<String>>,
    #[serde(default)]
    user: Vec<Spanned<RawUser>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUser {
    name: String,
    #[serde(default)]
    auth: RawAuth,
    auth_password: String,
    privacy_password: String,
}

/// What version 3 signs with (RFC 7860). MD5 and SHA-1 are not offered.
#[derive(Clone, Copy, Default, Deserialize)]
enum RawAuth {
    #[serde(rename = "sha-224")]
    Sha224,
    #[default]
    #[serde(rename = "sha-256")]
    Sha256,
    #[serde(rename = "sha-384")]
    Sha384,
    #[serde(rename = "sha-512")]
    Sha512,
}

impl RawAuth {
    const fn protocol(self) -> AuthProtocol {
        match self {
            Self::Sha224 => AuthProtocol::Sha224,
            Self::Sha256 => AuthProtocol::Sha256,
            Self::Sha384 => AuthProtocol::Sha384,
            Self::Sha512 => AuthProtocol::Sha512,
        }
    }
}

impl Secrets {
    /// Reads the text of the file of this name. An error tells the place, and never a secret.
    pub fn parse(file: &str, text: &str) -> Result<Self, BadSecrets> {
        let file = SecretFile { name: file, text };
        let expected = "is no list of [[user]] with name, auth (sha-224 to sha-512), auth_password and privacy_password, and a \
                        community before it";
        let raw: Raw = file.parse(expected)?;
        let users = file.users(&raw.user, USERS_MAX, |raw| &raw.name, user)?;
        let community = raw
            .community
            .map(|word| digest_of(word.get_ref()).map_err(|reason| file.wrong(&word.span(), "community", reason)));
        Ok(Self { users, community: community.transpose()? })
    }

    /// How many users of version 3 there are.
    pub const fn users(&self) -> usize {
        self.users.len()
    }

    /// Whether there is a community, which version 2c asks with.
    pub const fn has_community(&self) -> bool {
        self.community.is_some()
    }

    /// Whether this is the community. Takes as long for a wrong one.
    pub(crate) fn is_community(&self, word: &[u8]) -> bool {
        let found: [u8; 32] = Sha256::digest(word).into();
        self.community.is_some_and(|known| bool::from(found.ct_eq(&known)))
    }

    /// Every user's keys for this engine, by name.
    pub(crate) fn localized(&self, engine: &[u8]) -> Vec<(String, Keys)> {
        let keys = |user: &User| {
            // Both were tried when the file was read.
            let (auth, privacy) = user.keys.localize(engine).ok()?;
            Some((user.name.clone(), Keys { auth, privacy: privacy? }))
        };
        self.users.iter().filter_map(keys).collect()
    }
}

fn user(raw: &RawUser) -> Result<User, String> {
    if raw.name.is_empty() || raw.name.len() > NAME_MAX || !is_visible(&raw.name) {
        return Err(format!("name: expected 1 to {NAME_MAX} visible ASCII characters"));
    }
    for (field, word) in [("auth_password", &raw.auth_password), ("privacy_password", &raw.privacy_password)] {
        check_password(field, word, &PASSWORD)?;
    }
    if raw.auth_password == raw.privacy_password {
        return Err("auth_password and privacy_password are the same: choose two".into());
    }
    let keys = MasterKeys::new(raw.auth.protocol(), raw.auth_password.as_bytes())
        .and_then(|keys| keys.with_privacy(PrivProtocol::Aes128, raw.privacy_password.as_bytes()))
        .map_err(|error| format!("no keys can be made: {error}"))?;
    Ok(User { name: raw.name.clone(), keys })
}

fn digest_of(word: &str) -> Result<[u8; 32], String> {
    if !COMMUNITY.contains(&word.len()) || !is_visible(word) || word.contains('@') {
        let (min, max) = (COMMUNITY.start(), COMMUNITY.end());
        return Err(format!(
            "expected {min} to {max} visible ASCII characters without `@`, which stands before a rack"
        ));
    }
    Ok(Sha256::digest(word.as_bytes()).into())
}

#[cfg(test)]
mod tests;
