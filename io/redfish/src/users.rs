//! Who may read: the operator's file. Whoever is in it reads everything; nobody changes anything.

use std::fmt;

use ridethrough_door::{BadSecrets, Login, SecretFile};
use serde::Deserialize;
use toml::Spanned;

/// At most so many.
const USERS_MAX: usize = 256;
/// How long a password may be, characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 12..=128;

/// Everybody who may read. Only digests of passwords are kept.
#[derive(Clone)]
pub struct Users(Vec<Login>);

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
    pub fn parse(file: &str, text: &str) -> Result<Self, BadSecrets> {
        let file = SecretFile { name: file, text };
        let raw: Raw = file.parse("is no list of [[user]] with name, and password or sha256")?;
        Ok(Self(file.users(&raw.user, USERS_MAX, |raw| &raw.name, login)?))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is somebody's name and password.
    pub(crate) fn knows(&self, name: &str, password: &str) -> bool {
        Login::find(&self.0, name, password).is_some()
    }
}

fn login(raw: &RawUser) -> Result<Login, String> {
    // A colon ends the name in HTTP Basic.
    if raw.name.contains(':') {
        return Err("name: expected one without a colon".into());
    }
    Login::new(&raw.name, raw.password.as_deref(), raw.sha256.as_deref(), &PASSWORD)
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
