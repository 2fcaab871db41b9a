//! Where the SNMP agent listens, who may ask it, and what it says of itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use ridethrough_snmp::Secrets;
use serde::Deserialize;
use toml::Spanned;

use super::{Checker, Config, ConfigError, files};

/// How long what an operator says of a place may be, characters.
const TEXT_MAX: usize = 255;

/// How a network's management reads how the site is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnmpConfig {
    /// Where it asks.
    pub listen: SocketAddr,
    /// File with the users of version 3 and the community of version 2c.
    pub users: PathBuf,
    /// Whether version 2c is answered, too.
    pub v2c: bool,
    /// Whom to call.
    pub contact: String,
    /// Where this replica stands.
    pub location: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSnmp {
    listen: SocketAddr,
    users: PathBuf,
    #[serde(default)]
    v2c: bool,
    contact: Option<Spanned<String>>,
    location: Option<Spanned<String>>,
}

impl Config {
    /// Reads who may ask the SNMP agent.
    pub fn read_snmp(&self) -> anyhow::Result<Option<Secrets>> {
        let Some(SnmpConfig { users: file, v2c, .. }) = &self.snmp else { return Ok(None) };
        let wrong = |reason: String| ConfigError::File { file: file.clone(), field: "snmp.users", reason };
        let text = files::read_private(file, "snmp.users")?;
        let secrets = Secrets::parse(&file.display().to_string(), &text)?;
        if *v2c != secrets.has_community() {
            let reason = "a community and snmp.v2c = true belong together: without either, only version 3 is spoken";
            return Err(wrong(reason.into()).into());
        }
        if secrets.users() == 0 && !v2c {
            return Err(wrong("names nobody: add a [[user]]".into()).into());
        }
        Ok(Some(secrets))
    }
}

impl Checker<'_> {
    pub(super) fn snmp(&self, raw: &RawSnmp) -> Result<SnmpConfig, ConfigError> {
        Ok(SnmpConfig {
            listen: raw.listen,
            users: self.beside(&raw.users),
            v2c: raw.v2c,
            contact: self.snmp_text("snmp.contact", raw.contact.as_ref())?,
            location: self.snmp_text("snmp.location", raw.location.as_ref())?,
        })
    }

    fn snmp_text(&self, field: &'static str, text: Option<&Spanned<String>>) -> Result<String, ConfigError> {
        let Some(text) = text else { return Ok(String::new()) };
        let is_said = text.get_ref().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if text.get_ref().len() > TEXT_MAX || !is_said {
            return Err(self.wrong(text, field, format!("expected at most {TEXT_MAX} ASCII characters")));
        }
        Ok(text.get_ref().clone())
    }
}
