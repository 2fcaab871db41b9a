//! Files of passwords, which operators write: an error tells the place and never a secret, everybody is there once, and of a
//! password only a digest is kept.

use std::fmt;
use std::ops::{Range, RangeInclusive};

use ridethrough_core::site::Fault;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use toml::Spanned;

/// How long a name may be, characters.
const NAME_MAX: usize = 64;

/// A file that cannot be used, with the place in it.
#[derive(Debug)]
pub struct BadSecrets {
    file: String,
    fault: Fault,
}

impl fmt::Display for BadSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.fault)
    }
}

impl std::error::Error for BadSecrets {}

/// The text of one, and what it is called in errors.
#[derive(Clone, Copy)]
pub struct SecretFile<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

impl SecretFile<'_> {
    /// What it says. `expected` is told in place of the parser's own words, which may show a line and with it a password.
    pub fn parse<T: DeserializeOwned>(&self, expected: &str) -> Result<T, BadSecrets> {
        let unread = |error: toml::de::Error| self.wrong(&error.span().unwrap_or(0..0), "user", expected.to_owned());
        toml::from_str(self.text).map_err(unread)
    }

    /// At most so many users, each of another name. `read` says what is wrong with one.
    pub fn users<R, U>(
        &self,
        raw: &[Spanned<R>],
        most: usize,
        name: impl Fn(&R) -> &str,
        read: impl Fn(&R) -> Result<U, String>,
    ) -> Result<Vec<U>, BadSecrets> {
        let one = |(nth, one): (usize, &Spanned<R>)| {
            let at = |reason| self.wrong(&one.span(), "user", reason);
            let own = name(one.get_ref());
            if nth == most || raw.iter().take(nth).any(|other| name(other.get_ref()) == own) {
                return Err(at(format!("`{}` is there twice, or there are more than {most}", own.escape_debug())));
            }
            read(one.get_ref()).map_err(at)
        };
        raw.iter().enumerate().map(one).collect()
    }

    /// What is wrong at this place.
    pub fn wrong(&self, span: &Range<usize>, field: &str, reason: String) -> BadSecrets {
        BadSecrets { file: self.name.to_owned(), fault: Fault::at(self.text, span, field, reason) }
    }
}

/// A name, with the digest of its password.
#[derive(Clone)]
pub struct Login {
    name: String,
    digest: [u8; 32],
}

impl Login {
    /// Somebody of this name, who has either a password of such a length or the SHA-256 of one.
    pub fn new(
        name: &str,
        password: Option<&str>,
        sha256: Option<&str>,
        length: &RangeInclusive<usize>,
    ) -> Result<Self, String> {
        if name.is_empty() || name.len() > NAME_MAX || !is_visible(name) {
            return Err(format!("name: expected 1 to {NAME_MAX} visible ASCII characters"));
        }
        let digest = match (password, sha256) {
            (Some(word), None) => {
                check_password("password", word, length)?;
                Sha256::digest(word).into()
            }
            (None, Some(digits)) => {
                digest(digits).ok_or("sha256: expected 64 hexadecimal digits, as `sha256sum` prints")?
            }
            _ => return Err("expected either password or sha256".into()),
        };
        Ok(Self { name: name.to_owned(), digest })
    }

    /// Which of these has this name and password. Takes as long for a wrong name as for a wrong password.
    pub fn find<'a, U: AsRef<Self>>(users: &'a [U], name: &str, password: &str) -> Option<&'a U> {
        let found: [u8; 32] = Sha256::digest(password).into();
        let user = users.iter().find(|user| user.as_ref().name == name);
        let known = user.map_or(&[0; 32], |user| &user.as_ref().digest);
        let is = bool::from(found.ct_eq(known));
        user.filter(|_| is)
    }
}

impl AsRef<Self> for Login {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// An error where a password in this field has another length, or what nobody can type.
pub fn check_password(field: &str, word: &str, length: &RangeInclusive<usize>) -> Result<(), String> {
    if length.contains(&word.len()) && is_visible(word) {
        return Ok(());
    }
    Err(format!("{field}: expected {} to {} visible ASCII characters", length.start(), length.end()))
}

/// Whether all of it can be seen and typed.
pub fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn digest(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (nth, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * nth..2 * nth + 2], 16).ok()?;
    }
    Some(bytes)
}
