//! Where the NUT server listens, and who may log in there.

use std::net::SocketAddr;
use std::path::PathBuf;

use ridethrough_nut::Users;
use serde::Deserialize;
use toml::Spanned;

use super::{Checker, Config, ConfigError, files};

/// How hosts are told that they have to shut down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NutConfig {
    /// Where `upsmon` and `upsc` call.
    pub listen: SocketAddr,
    /// File with the users who may log in; without it, everybody reads and nobody logs in.
    pub users: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNut {
    listen: Spanned<SocketAddr>,
    users: Option<PathBuf>,
}

impl Config {
    /// Reads the users of the NUT server.
    pub fn read_users(&self) -> anyhow::Result<Option<Users>> {
        let Some(file) = self.nut.as_ref().and_then(|nut| nut.users.as_ref()) else { return Ok(None) };
        let text = files::read_private(file, "nut.users")?;
        Ok(Some(Users::parse(&file.display().to_string(), &text)?))
    }
}

impl Checker<'_> {
    pub(super) fn nut(&self, raw: &RawNut) -> Result<NutConfig, ConfigError> {
        let listen = *raw.listen.get_ref();
        if !listen.ip().is_loopback() && raw.users.is_none() {
            let reason = format!("{listen} is not loopback: name a file of users, or nobody could log in there");
            return Err(self.wrong(&raw.listen, "nut.listen", reason));
        }
        Ok(NutConfig { listen, users: raw.users.as_ref().map(|file| self.beside(file)) })
    }
}
