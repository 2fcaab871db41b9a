//! The word that a sender must know, where the operator has set one.

use std::fmt;
use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How long a token may be, characters.
const LENGTH: RangeInclusive<usize> = 16..=256;

/// A bearer token; only its digest is kept, so that comparing takes the same time whatever came and however long it was.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// A text that is no token. It says nothing of what the text was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenError;

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected one line of {} to {} visible ASCII characters", LENGTH.start(), LENGTH.end())
    }
}

impl std::error::Error for TokenError {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Takes a token from the text of its file; space around it does not matter.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let word = text.trim();
        if LENGTH.contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Sha256::digest(word.as_bytes()).into()))
        } else {
            Err(TokenError)
        }
    }

    /// Whether the value of an `Authorization` header holds it.
    pub fn opens(&self, authorization: &[u8]) -> bool {
        let Some((scheme, word)) = authorization.split_at_checked(b"Bearer ".len()) else { return false };
        let found: [u8; 32] = Sha256::digest(word.trim_ascii()).into();
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(found.ct_eq(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = Token::parse("  correct-horse-battery\n").expect("good");
        assert!(token.opens(b"Bearer correct-horse-battery") && token.opens(b"bearer  correct-horse-battery"));
        for wrong in ["", "Bearer", "Bearer ", "Bearer correct-horse-batter", "Basic correct-horse-battery"] {
            assert!(!token.opens(wrong.as_bytes()), "{wrong}");
        }
        assert!(!format!("{token:?}").contains("horse"));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for wrong in ["", "short", "two words are no token", "umlaut-äöü-aeiou-long"] {
            assert_eq!(Token::parse(wrong).err(), Some(TokenError), "{wrong}");
        }
    }
}
