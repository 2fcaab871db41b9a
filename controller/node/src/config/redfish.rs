//! Where the Redfish service listens, what it is known by, and who may read there.

use std::net::SocketAddr;
use std::path::PathBuf;

use ridethrough_redfish::{Identity, Users};
use serde::Deserialize;

use super::{Checker, files};

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
        let certificate = files::read(&self.certificate, "redfish.certificate")?;
        let key = files::read_private(&self.key, "redfish.key")?;
        let identity = Identity::new(&certificate, &key).map_err(|error| {
            let file = if error.field == "key" { &self.key } else { &self.certificate };
            anyhow::anyhow!("{}: {error}", file.display())
        })?;
        let text = files::read_private(&self.users, "redfish.users")?;
        let users = Users::parse(&self.users.display().to_string(), &text)?;
        Ok(RedfishFiles { identity, users })
    }
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
