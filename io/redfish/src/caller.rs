//! Who asks: by the token of a session, or by name and password with each request.

use std::net::IpAddr;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use crate::doubts::Doubts;
use crate::sessions::Sessions;
use crate::users::Users;

/// The header that the token of a session comes in.
pub(crate) const TOKEN: &str = "x-auth-token";

/// What is known of whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A user, by name.
    User(String),
    /// Nobody that is known.
    Nobody,
    /// Somebody who is wrong about name or password.
    Wrong,
    /// Passwords from there are looked at again in so many seconds.
    Barred(u64),
}

/// Those who may ask.
#[derive(Debug)]
pub(crate) struct Callers {
    pub users: Users,
    pub sessions: Sessions,
    pub doubts: Doubts,
}

impl Callers {
    /// Whose request has these headers. A token says it alone, also when there is a password beside it.
    pub(crate) fn who(&self, headers: &HeaderMap, from: IpAddr, now: Instant) -> Caller {
        if let Some(token) = headers.get(TOKEN) {
            let user = token.to_str().ok().and_then(|token| self.sessions.user_of(token, now));
            return user.map_or(Caller::Nobody, Caller::User);
        }
        let Some(shown) = headers.get(AUTHORIZATION) else { return Caller::Nobody };
        match shown.to_str().ok().and_then(basic) {
            Some((name, password)) => self.login(&name, &password, from, now),
            None => Caller::Nobody,
        }
    }

    /// Whether somebody is who he says that he is.
    pub(crate) fn login(&self, name: &str, password: &str, from: IpAddr, now: Instant) -> Caller {
        if let Some(seconds) = self.doubts.barred_s(from, now) {
            return Caller::Barred(seconds);
        }
        if self.users.knows(name, password) {
            return Caller::User(name.to_owned());
        }
        self.doubts.wrong(from, now);
        Caller::Wrong
    }
}

/// Name and password of HTTP Basic.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_password_are_read_as_the_standard_writes_them() {
        let pair = |name: &str, word: &str| Some((name.to_owned(), word.to_owned()));
        // RFC 7617, section 2.
        assert_eq!(basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), pair("Aladdin", "open sesame"));
        assert_eq!(basic("bAsIc YTpiOmM="), pair("a", "b:c"), "only the first colon divides");
        for wrong in
            ["", "Basic", "Basic ", "Bearer YTpi", "Basic YTpi!", "Basic YWI=", "Basic //79Og==", "Basic YTpi YTpi"]
        {
            assert_eq!(basic(wrong), None, "{wrong}");
        }
    }
}
