//! Where the Redfish service listens, what it is known by, and who may read there.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ridethrough_redfish::{Identity, Users};
use serde::Deserialize;

use super::{Checker, Config, ConfigError};

/// What everybody may do with a file, as its mode has it.
const EVERYBODY: u32 = 0o007;

/// How a data center's management reads how the site is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedfishConfig {
    /// Where it calls.
    pub listen: SocketAddr,
    /// File with the certificate that it knows this replica by, and with those that it was signed by.
    pub certificate: PathBuf,
    /// File with its key.
    pub key: PathBuf,
    /// File with the users who may read.
    pub users: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRedfish {
    listen: SocketAddr,
    certificate: PathBuf,
    key: PathBuf,
    users: PathBuf,
}

/// What is read of the files that a [`RedfishConfig`] names.
pub struct RedfishFiles {
    /// What clients know this replica by.
    pub identity: Identity,
    /// Who may read.
    pub users: Users,
}

impl RedfishConfig {
    /// Reads them.
    pub fn read(&self) -> anyhow::Result<RedfishFiles> {
        let certificate = Config::read(&self.certificate, "redfish.certificate")?;
        let key = read_private(&self.key, "redfish.key")?;
        let identity = Identity::new(&certificate, &key).map_err(|error| {
            let file = if error.field == "key" { &self.key } else { &self.certificate };
            anyhow::anyhow!("{}: {error}", file.display())
        })?;
        let text = read_private(&self.users, "redfish.users")?;
        let users = Users::parse(&self.users.display().to_string(), &text)?;
        Ok(RedfishFiles { identity, users })
    }
}

/// A file that only its owner, and a group that he chose, may read.
fn read_private(file: &Path, field: &'static str) -> Result<String, ConfigError> {
    let wrong = |reason| ConfigError::File { file: file.into(), field, reason };
    let mode = std::fs::metadata(file).map_err(|error| wrong(format!("cannot be read: {error}")))?.permissions().mode();
    if mode & EVERYBODY != 0 {
        let reason = format!("everybody on this host may use it (mode {:04o}): chmod o= it", mode & 0o7777);
        return Err(wrong(reason));
    }
    Config::read(file, field)
}

impl Checker<'_> {
    pub(super) fn redfish(&self, raw: &RawRedfish) -> RedfishConfig {
        RedfishConfig {
            listen: raw.listen,
            certificate: self.beside(&raw.certificate),
            key: self.beside(&raw.key),
            users: self.beside(&raw.users),
        }
    }
}
