//! Who may log in: the operator's file.

use std::fmt;

use ridethrough_door::{BadSecrets, Login, SecretFile};
use serde::Deserialize;
use toml::Spanned;

/// At most so many.
const USERS_MAX: usize = 4_096;
/// How long a password may be, characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=128;

/// What a user is to a UPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A host that others wait for. It may say so, and forces nothing here all the same.
    Primary,
    /// A host that shuts itself down.
    Secondary,
}

/// Everybody who may log in. Only digests of passwords are kept.
#[derive(Clone)]
pub struct Users(Vec<User>);

#[derive(Clone)]
struct User {
    login: Login,
    role: Role,
}

impl AsRef<Login> for User {
    fn as_ref(&self) -> &Login {
        &self.login
    }
}

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
    role: Role,
}

impl Users {
    /// Reads the file's text; `file` is its name in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, BadSecrets> {
        let file = SecretFile { name: file, text };
        let expected = "is no list of [[user]] with name, role (primary or secondary), and password or sha256";
        let raw: Raw = file.parse(expected)?;
        let read = |raw: &RawUser| {
            let login = Login::new(&raw.name, raw.password.as_deref(), raw.sha256.as_deref(), &PASSWORD)?;
            Ok(User { login, role: raw.role })
        };
        Ok(Self(file.users(&raw.user, USERS_MAX, |raw| &raw.name, read)?))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the one with this name and password is; none when there is none such.
    pub fn role(&self, name: &str, password: &str) -> Option<Role> {
        Login::find(&self.0, name, password).map(|user| user.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[user]]\nname = \"rack-a1\"\npassword = \"correct-horse\"\nrole = \"secondary\"\n\
        [[user]]\nname = \"desk\"\nrole = \"primary\"\n\
        sha256 = \"60e8ca6ba02fbafe5c8cd1b8f5a1a8c4f4a45b3ffc1ef0ec36dbd20ee8b1a57c\"\n";

    #[test]
    fn only_the_whole_name_and_password_open() {
        let users = Users::parse("nut.users", GOOD).expect("good");
        assert_eq!(users.role("rack-a1", "correct-horse"), Some(Role::Secondary));
        for (name, word) in [("rack-a1", "correct-hors"), ("rack-a1", ""), ("Rack-a1", "correct-horse"), ("", "")] {
            assert_eq!(users.role(name, word), None, "{name} {word}");
        }
        let hashed = "[[user]]\nname = \"x\"\nrole = \"primary\"\n\
            sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";
        assert_eq!(Users::parse("f", hashed).expect("good").role("x", "test"), Some(Role::Primary));
        assert!(!format!("{users:?}").contains("horse"));
    }

    #[test]
    fn what_is_no_list_of_users_is_refused_by_line_and_shows_no_password() {
        let check = |from: &str, to: &str, expected: &str| {
            assert!(GOOD.contains(from));
            let error = Users::parse("nut.users", &GOOD.replacen(from, to, 1)).expect_err(expected).to_string();
            assert!(error.contains(expected) && !error.contains("horse"), "`{expected}` in `{error}`");
        };
        check("correct-horse", "horse", "nut.users:1: user: password: expected 8 to 128");
        check("desk", "rack-a1", "nut.users:5: user: `rack-a1` is there twice");
        check("60e8", "60e", "sha256: expected 64 hexadecimal digits");
        check("60e8", "+0e8", "sha256: expected 64 hexadecimal digits");
        check("\"secondary\"", "\"upsmon\"", "role (primary or secondary)");
        check("password = \"correct-horse\"\n", "", "expected either password or sha256");
        check("password =", "pass =", "is no list of [[user]]");
    }
}
