//! Who is logged in.

use serde::Serialize;

use super::{Link, Status, link};
use crate::limits::Limits;
use crate::path::Resource;
use crate::sessions::Told;
use crate::shown::Health;
use crate::tree::Tree;

/// Where sessions are made.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Service {
    service_enabled: bool,
    session_timeout: u64,
    status: Status,
    sessions: Link,
}

impl Service {
    pub fn new(tree: &Tree, limits: &Limits) -> Self {
        Self {
            service_enabled: true,
            session_timeout: limits.session_idle.as_secs(),
            status: Status::enabled(Health::Ok),
            sessions: link(tree, &Resource::Sessions),
        }
    }
}

/// A session. Its token is told once, when it begins, in a header.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Session<'a> {
    user_name: &'a str,
    /// The standard wants it to be there, and to be null.
    password: Option<()>,
    session_type: &'static str,
}

impl<'a> Session<'a> {
    pub fn new(told: &'a Told) -> Self {
        Self { user_name: &told.user, password: None, session_type: "Redfish" }
    }
}
