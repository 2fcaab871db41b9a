//! Who is logged in. A session is one replica's, and ends with it.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::limits::Limits;

const ID_BYTES: usize = 8;
const TOKEN_BYTES: usize = 32;

/// All sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    limits: Limits,
    open: Mutex<Vec<Session>>,
}

#[derive(Debug)]
struct Session {
    id: String,
    user: String,
    /// The token itself is kept by whoever was given it.
    digest: [u8; 32],
    used: Instant,
}

/// What others may know of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub id: String,
    pub user: String,
}

/// Why there is no new session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSession {
    /// There are too many.
    Full,
    /// The system gives no randomness.
    NoDice,
}

impl Sessions {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    /// Begins one: what is told of it, and its token.
    pub(crate) fn begin(&self, user: &str, now: Instant) -> Result<(Told, String), NoSession> {
        let (id, token) = (draw::<ID_BYTES>()?, draw::<TOKEN_BYTES>()?);
        let mut open = self.living(now);
        let own = open.iter().filter(|one| one.user == user).count();
        if open.len() >= self.limits.sessions_max || own >= self.limits.sessions_of_user_max {
            return Err(NoSession::Full);
        }
        let told = Told { id: id.clone(), user: user.to_owned() };
        open.push(Session { id, user: user.to_owned(), digest: digest(&token), used: now });
        Ok((told, token))
    }

    /// Whose token this is; none when it is nobody's any more. Each session is compared, whichever it is.
    pub(crate) fn user_of(&self, token: &str, now: Instant) -> Option<String> {
        let digest = digest(token);
        let mut open = self.living(now);
        let is = |one: &Session| bool::from(one.digest.ct_eq(&digest));
        let found = open.iter_mut().fold(None, |found, one| if is(one) { Some(one) } else { found })?;
        found.used = now;
        Some(found.user.clone())
    }

    /// The sessions of a user.
    pub(crate) fn of(&self, user: &str, now: Instant) -> Vec<Told> {
        let open = self.living(now);
        let own = open.iter().filter(|one| one.user == user);
        own.map(|one| Told { id: one.id.clone(), user: one.user.clone() }).collect()
    }

    /// Ends a session of a user, if there is such a one.
    pub(crate) fn end(&self, user: &str, id: &str, now: Instant) -> bool {
        let mut open = self.living(now);
        let before = open.len();
        open.retain(|one| one.user != user || one.id != id);
        open.len() < before
    }

    /// How many there are.
    pub(crate) fn len(&self, now: Instant) -> usize {
        self.living(now).len()
    }

    fn living(&self, now: Instant) -> std::sync::MutexGuard<'_, Vec<Session>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|one| now.saturating_duration_since(one.used) <= self.limits.session_idle);
        open
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn draw<const BYTES: usize>() -> Result<String, NoSession> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| NoSession::NoDice)?;
    let mut text = String::with_capacity(2 * BYTES);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_is_its_users_until_the_session_ends() {
        let (sessions, now) = (Sessions::new(Limits::default()), Instant::now());
        let (told, token) = sessions.begin("dcim", now).expect("room");
        assert_eq!((told.id.len(), token.len()), (2 * ID_BYTES, 2 * TOKEN_BYTES));
        assert_eq!(sessions.user_of(&token, now), Some("dcim".into()));
        for wrong in ["", &token[1..], &told.id, &format!("{token}0")] {
            assert_eq!(sessions.user_of(wrong, now), None, "{wrong}");
        }
        assert!(!sessions.end("desk", &told.id, now), "nobody ends another's");
        assert_eq!((sessions.of("dcim", now), sessions.of("desk", now)), (vec![told.clone()], Vec::new()));
        assert!(sessions.end("dcim", &told.id, now) && !sessions.end("dcim", &told.id, now));
        assert_eq!(sessions.user_of(&token, now), None);
    }

    #[test]
    fn who_asks_nothing_for_long_has_to_log_in_again() {
        let (sessions, now) = (Sessions::new(Limits::default()), Instant::now());
        let (_, token) = sessions.begin("dcim", now).expect("room");
        let idle = Limits::default().session_idle;
        assert!(sessions.user_of(&token, now + idle).is_some() && sessions.user_of(&token, now + 2 * idle).is_some());
        assert_eq!(sessions.user_of(&token, now + 3 * idle + Duration::from_millis(1)), None);
        assert_eq!(sessions.len(now + 3 * idle + Duration::from_millis(1)), 0);
    }

    #[test]
    fn one_user_does_not_take_all_sessions_and_all_together_are_bounded() {
        let limits = Limits { sessions_max: 3, sessions_of_user_max: 2, ..Limits::default() };
        let (sessions, now) = (Sessions::new(limits), Instant::now());
        let begin = |user: &str| sessions.begin(user, now).map(|(told, _)| told.user);
        assert_eq!((begin("a"), begin("a"), begin("a")), (Ok("a".into()), Ok("a".into()), Err(NoSession::Full)));
        assert_eq!((begin("b"), begin("b")), (Ok("b".into()), Err(NoSession::Full)));
    }
}
