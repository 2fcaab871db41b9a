//! Who may read: the operator's file. Whoever is in it reads everything; nobody changes anything.

use std::fmt;

use ridethrough_core::site::Fault;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use toml::Spanned;

/// At most so many.
const USERS_MAX: usize = 256;
/// How long a name and a password may be, characters.
const NAME_MAX: usize = 64;
const PASSWORD: std::ops::RangeInclusive<usize> = 12..=128;

/// Everybody who may read. Only digests of passwords are kept.
#[derive(Clone)]
pub struct Users(Vec<User>);

#[derive(Clone)]
struct User {
    name: String,
    digest: [u8; 32],
}

/// A file that cannot be used, with the place in it.
#[derive(Debug)]
pub struct UsersError {
    file: String,
    fault: Fault,
}

impl fmt::Display for UsersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.fault)
    }
}

impl std::error::Error for UsersError {}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.0.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    user: Vec<Spanned<RawUser>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUser {
    name: String,
    password: Option<String>,
    sha256: Option<String>,
}

impl Users {
    /// Reads the file's text; `file` is its name in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, UsersError> {
        let wrong = |fault| UsersError { file: file.to_owned(), fault };
        // The parser's own words may show the line, and with it a password.
        let unread = |error: toml::de::Error| {
            let reason = "is no list of [[user]] with name, and password or sha256";
            wrong(Fault::at(text, &error.span().unwrap_or(0..0), "user", reason.into()))
        };
        let raw: Raw = toml::from_str(text).map_err(unread)?;
        let mut users: Vec<User> = Vec::new();
        for one in &raw.user {
            let at = |reason: String| wrong(Fault::at(text, &one.span(), "user", reason));
            let user = user(one.get_ref()).map_err(at)?;
            if users.len() == USERS_MAX || users.iter().any(|other| other.name == user.name) {
                return Err(at(format!("`{}` is there twice, or there are more than {USERS_MAX}", user.name)));
            }
            users.push(user);
        }
        Ok(Self(users))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is somebody's name and password. Takes as long for a wrong name as for a wrong password.
    pub(crate) fn knows(&self, name: &str, password: &str) -> bool {
        let found: [u8; 32] = Sha256::digest(password.as_bytes()).into();
        let nobody = User { name: String::new(), digest: [0; 32] };
        let user = self.0.iter().find(|user| user.name == name).unwrap_or(&nobody);
        bool::from(found.ct_eq(&user.digest)) && !user.name.is_empty()
    }
}

fn user(raw: &RawUser) -> Result<User, String> {
    let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    // A colon ends the name in HTTP Basic.
    if raw.name.is_empty() || raw.name.len() > NAME_MAX || !visible(&raw.name) || raw.name.contains(':') {
        return Err(format!("name: expected 1 to {NAME_MAX} visible ASCII characters without a colon"));
    }
    let digest = match (&raw.password, &raw.sha256) {
        (Some(word), None) if PASSWORD.contains(&word.len()) && visible(word) => Sha256::digest(word.as_bytes()).into(),
        (None, Some(digits)) => {
            digest(digits).ok_or("sha256: expected 64 hexadecimal digits, as `sha256sum` prints")?
        }
        (Some(_), None) => {
            let (min, max) = (PASSWORD.start(), PASSWORD.end());
            return Err(format!("password: expected {min} to {max} visible ASCII characters"));
        }
        _ => return Err("expected either password or sha256".into()),
    };
    Ok(User { name: raw.name.clone(), digest })
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[user]]\nname = \"dcim\"\npassword = \"correct-horse\"\n\
        [[user]]\nname = \"desk\"\n\
        sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";

    #[test]
    fn only_the_whole_name_and_password_open() {
        let users = Users::parse("redfish.users", GOOD).expect("good");
        assert!(users.knows("dcim", "correct-horse") && users.knows("desk", "test"));
        for (name, word) in [("dcim", "correct-hors"), ("dcim", ""), ("Dcim", "correct-horse"), ("", ""), ("", "test")]
        {
            assert!(!users.knows(name, word), "{name} {word}");
        }
        assert!(!format!("{users:?}").contains("horse"));
    }

    #[test]
    fn what_is_no_list_of_users_is_refused_by_line_and_shows_no_password() {
        let check = |from: &str, to: &str, expected: &str| {
            assert!(GOOD.contains(from));
            let error = Users::parse("redfish.users", &GOOD.replacen(from, to, 1)).expect_err(expected).to_string();
            assert!(error.contains(expected) && !error.contains("horse"), "`{expected}` in `{error}`");
        };
        check("correct-horse", "horse", "redfish.users:1: user: password: expected 12 to 128");
        check("desk", "dcim", "redfish.users:4: user: `dcim` is there twice");
        check("desk", "de:sk", "without a colon");
        check("9f86", "9f8", "sha256: expected 64 hexadecimal digits");
        check("9f86", "+f86", "sha256: expected 64 hexadecimal digits");
        check("password = \"correct-horse\"\n", "", "expected either password or sha256");
        check("password =", "pass =", "is no list of [[user]]");
    }
}
