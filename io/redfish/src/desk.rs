//! A request's answer.

mod answer;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use hyper::body::Bytes;
use hyper::header::{IF_NONE_MATCH, LOCATION};
use hyper::http::HeaderValue;
use hyper::{HeaderMap, Method, StatusCode};
use serde::Deserialize;

pub(crate) use self::answer::{Refusal, Reply, refused};
use crate::board::Board;
use crate::caller::{Caller, Callers, TOKEN};
use crate::doubts::Doubts;
use crate::limits::Limits;
use crate::message::Message;
use crate::meters::{Meters, Outcome};
use crate::model::{Sources, Untold, write};
use crate::path::Resource;
use crate::sessions::{NoSession, Sessions};
use crate::tree::Tree;
use crate::users::Users;

/// When whoever is told that nothing is known should ask again, in seconds: an election is over by then.
const RETRY_S: u64 = 2;
/// The only version of OData that is spoken.
const ODATA_VERSION: &str = "4.0";
/// Where the next page of a collection begins.
const SKIP: &str = "$skiptoken";

/// Whatever answers needs.
pub struct Desk {
    tree: Arc<Tree>,
    board: Arc<ArcSwap<Board>>,
    callers: Callers,
    pub(crate) limits: Limits,
    pub(crate) meters: Meters,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("callers", &self.callers).finish_non_exhaustive()
    }
}

/// A request, as far as it matters.
pub(crate) struct Question<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    /// What came with it; empty unless [`Desk::wants_body`].
    pub body: Bytes,
    pub from: IpAddr,
}

/// What a login says. What else is in it does not matter.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Login {
    user_name: Option<String>,
    password: Option<String>,
}

impl Desk {
    /// A desk for this site, whose newest board is there. Install the metrics' recorder before.
    pub fn new(tree: Arc<Tree>, board: Arc<ArcSwap<Board>>, users: Users, limits: Limits) -> Self {
        let callers = Callers { users, sessions: Sessions::new(limits), doubts: Doubts::new(limits) };
        Self { tree, board, callers, limits, meters: Meters::new() }
    }

    /// Whether the body of such a request matters: only a login's does.
    pub(crate) fn wants_body(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && Resource::parse(&self.tree, path) == Some(Resource::Sessions)
    }

    /// The answer. Whoever is wrong about a password gets it later.
    pub(crate) fn answer(&self, question: &Question<'_>, now: Instant) -> Reply {
        self.try_answer(question, now).unwrap_or_else(|refusal| {
            self.meters.request(refusal.outcome);
            refused(&refusal)
        })
    }

    fn try_answer(&self, question: &Question<'_>, now: Instant) -> Result<Reply, Refusal> {
        speaks_odata(question.headers)?;
        let resource = Resource::parse(&self.tree, question.path);
        if self.wants_body(question.method, question.path) {
            return self.log_in(question, now);
        }
        let user = match &resource {
            Some(resource) if resource.is_public() => String::new(),
            _ => self.user(question, now)?,
        };
        let resource = resource.ok_or_else(|| missing(question.path))?;
        let reads = question.method == Method::GET || question.method == Method::HEAD;
        match &resource {
            _ if reads => self.read(question, &resource, &user, now),
            Resource::Session(id) if question.method == Method::DELETE => self.log_out(question, &user, id, now),
            _ => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Message::NotAllowed, Outcome::Refused)
                .allowing(resource.allows())),
        }
    }

    fn user(&self, question: &Question<'_>, now: Instant) -> Result<String, Refusal> {
        self.admit(self.callers.who(question.headers, question.from, now), question.path)
    }

    fn admit(&self, caller: Caller, path: &str) -> Result<String, Refusal> {
        let unauthorized = |message| Refusal::new(StatusCode::UNAUTHORIZED, message, Outcome::Unauthorized);
        match caller {
            Caller::User(user) => Ok(user),
            Caller::Nobody => Err(unauthorized(Message::NoSession)),
            Caller::Wrong => {
                self.meters.wrong_password();
                Err(unauthorized(Message::Unauthorized(path.to_owned())).late())
            }
            Caller::Barred(seconds) => Err(unavailable(seconds, Outcome::Barred)),
        }
    }

    fn read(&self, question: &Question<'_>, resource: &Resource, user: &str, now: Instant) -> Result<Reply, Refusal> {
        let skip = skipped(question.query)?;
        let (board, sessions) = (self.board.load(), self.callers.sessions.of(user, now));
        let (shown, limits) = (board.fresh(now), &self.limits);
        let sources = Sources { tree: &self.tree, shown, sessions: &sessions, skip, limits };
        let body = write(&sources, resource).map_err(|why| match why {
            Untold::Unknown => unavailable(RETRY_S, Outcome::Stale),
            Untold::Missing => missing(question.path),
        })?;
        self.meters.request(Outcome::Ok);
        Ok(Reply::told(resource, body, question.headers.get(IF_NONE_MATCH)))
    }

    fn log_in(&self, question: &Question<'_>, now: Instant) -> Result<Reply, Refusal> {
        let bad = |message| Refusal::new(StatusCode::BAD_REQUEST, message, Outcome::Malformed);
        let login: Login = serde_json::from_slice(&question.body).map_err(|_| bad(Message::Malformed))?;
        let name = login.user_name.ok_or_else(|| bad(Message::PropertyMissing("UserName")))?;
        let password = login.password.ok_or_else(|| bad(Message::PropertyMissing("Password")))?;
        let caller = self.callers.login(&name, &password, question.from, now);
        let user = self.admit(caller, question.path)?;
        let (told, token) = self.callers.sessions.begin(&user, now).map_err(|why| match why {
            NoSession::Full => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Message::SessionLimit, Outcome::Full),
            NoSession::NoDice => unavailable(RETRY_S, Outcome::Full),
        })?;
        self.meters.sessions(self.callers.sessions.len(now));
        self.meters.request(Outcome::Ok);
        let resource = Resource::Session(told.id.clone());
        let (sessions, limits) = ([told], &self.limits);
        let sources = Sources { tree: &self.tree, shown: None, sessions: &sessions, skip: 0, limits };
        let body = write(&sources, &resource).map_err(|_| missing(question.path))?;
        let mut reply = Reply::told(&resource, body, None);
        *reply.response.status_mut() = StatusCode::CREATED;
        let headers = reply.response.headers_mut();
        for (name, value) in [(TOKEN, token), (LOCATION.as_str(), resource.uri(&self.tree))] {
            // Both are hexadecimal digits and our own words.
            if let (Ok(mut value), name) = (HeaderValue::try_from(value), name.parse::<hyper::header::HeaderName>()) {
                value.set_sensitive(true);
                name.map(|name| headers.insert(name, value)).ok();
            }
        }
        Ok(reply)
    }

    fn log_out(&self, question: &Question<'_>, user: &str, id: &str, now: Instant) -> Result<Reply, Refusal> {
        if !self.callers.sessions.end(user, id, now) {
            return Err(missing(question.path));
        }
        self.meters.sessions(self.callers.sessions.len(now));
        self.meters.request(Outcome::Ok);
        Ok(Reply::done())
    }
}

fn speaks_odata(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("odata-version") {
        Some(version) if version != ODATA_VERSION => {
            let header = Message::Header("OData-Version".into());
            Err(Refusal::new(StatusCode::PRECONDITION_FAILED, header, Outcome::Malformed))
        }
        _ => Ok(()),
    }
}

/// How many members of a collection are left out. Of parameters that begin with a dollar no other is known, and the standard wants
/// that to be said; those without one are not looked at, as it wants, too.
fn skipped(query: Option<&str>) -> Result<usize, Refusal> {
    let mut skip = 0;
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.strip_prefix("%24").map_or_else(|| name.to_owned(), |rest| format!("${rest}"));
        let number = value.parse().ok();
        match (name.as_str(), number) {
            (SKIP, Some(number)) => skip = number,
            (name, _) if name.starts_with('$') => {
                let unknown = Message::Query(name.to_owned());
                return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, unknown, Outcome::Malformed));
            }
            _ => {}
        }
    }
    Ok(skip)
}

fn missing(path: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, Message::Missing(path.to_owned()), Outcome::Missing)
}

fn unavailable(seconds: u64, outcome: Outcome) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Message::Unavailable(seconds), outcome).after(seconds)
}

#[cfg(test)]
mod tests;
