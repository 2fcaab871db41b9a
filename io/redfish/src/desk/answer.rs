//! Answers as HTTP has them.

use std::fmt::Write as _;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LINK, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::message::Message;
use crate::meters::Outcome;
use crate::path::Resource;
use crate::schema::Schema;

const JSON: &str = "application/json; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
/// Bytes of a digest that tell one state of a resource from another.
const TAG_BYTES: usize = 8;

/// An answer, and whether it is held back for a while.
pub(crate) struct Reply {
    pub response: Response<Full<Bytes>>,
    pub is_late: bool,
}

/// Why a request is not carried out.
pub(crate) struct Refusal {
    status: StatusCode,
    message: Message,
    pub outcome: Outcome,
    allow: Option<&'static str>,
    retry_s: Option<u64>,
    is_late: bool,
}

impl Refusal {
    pub(crate) const fn new(status: StatusCode, message: Message, outcome: Outcome) -> Self {
        Self { status, message, outcome, allow: None, retry_s: None, is_late: false }
    }

    /// What would be allowed.
    pub(crate) fn allowing(self, methods: &'static str) -> Self {
        Self { allow: Some(methods), ..self }
    }

    /// When it may be otherwise.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { retry_s: Some(seconds), ..self }
    }

    /// Said after a while.
    pub(crate) fn late(self) -> Self {
        Self { is_late: true, ..self }
    }
}

/// The answer that says so.
pub(crate) fn refused(refusal: &Refusal) -> Reply {
    let mut response = response(refusal.status, JSON, refusal.message.body());
    let headers = response.headers_mut();
    if refusal.status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Redfish\""));
    }
    if let Some(methods) = refusal.allow {
        headers.insert(ALLOW, HeaderValue::from_static(methods));
    }
    if let Some(seconds) = refusal.retry_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Reply { response, is_late: refusal.is_late }
}

impl Reply {
    /// A resource; that it has not changed, for whoever has it in just this state.
    pub(crate) fn told(resource: &Resource, body: Vec<u8>, known: Option<&HeaderValue>) -> Self {
        let tag = tag(&body);
        let is_known = known.is_some_and(|known| names(known.as_bytes(), tag.as_bytes()));
        let kind = if *resource == Resource::Metadata { XML } else { JSON };
        let mut response = if is_known {
            response(StatusCode::NOT_MODIFIED, kind, Vec::new())
        } else {
            response(StatusCode::OK, kind, body)
        };
        let headers = response.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static(resource.allows()));
        let described = Schema::of(resource).map(Schema::described_by);
        for (name, value) in [(ETAG, Some(tag)), (LINK, described)] {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(name, value);
            }
        }
        Self { response, is_late: false }
    }

    /// It was done, and there is nothing to say.
    pub(crate) fn done() -> Self {
        let mut response = response(StatusCode::NO_CONTENT, JSON, Vec::new());
        response.headers_mut().remove(CONTENT_TYPE);
        Self { response, is_late: false }
    }
}

fn response(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        // What is told is true for a moment.
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("odata-version"), super::ODATA_VERSION),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A weak tag: the same state of a resource is written the same way, and nothing more is promised.
fn tag(body: &[u8]) -> String {
    let mut tag = String::from("W/\"");
    for byte in Sha256::digest(body).iter().take(TAG_BYTES) {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "\""
}

/// Whether a list of tags, or a star, names this one.
fn names(list: &[u8], tag: &[u8]) -> bool {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|one| one == b"*" || one == tag)
}
