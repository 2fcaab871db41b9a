//! What a replica's identity towards its peers is read from.

use std::path::PathBuf;

use ridethrough_raft::{PeerPems, PeerTls};

use serde::Deserialize;

use super::{Checker, Config, ConfigError, files};

/// The files of `[peer_tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTlsFiles {
    /// The certificate of the cluster's authority; two while one replaces the other.
    pub ca: PathBuf,
    /// This replica's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Revoked certificates, where there are any.
    pub revoked: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPeerTls {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    revoked: Option<PathBuf>,
}

impl Checker<'_> {
    pub(super) fn peer_tls(&self, files: Option<&RawPeerTls>, cluster: [u8; 16]) -> Result<PeerTlsFiles, ConfigError> {
        let Some(files) = files else {
            let id = u128::from_be_bytes(cluster);
            let reason = format!(
                "is missing, and replicas speak nothing but TLS: `ridectl pki ca --cluster {id:032x}` and `ridectl pki issue` \
                 make what it names"
            );
            return Err(ConfigError::File { file: self.file.into(), field: "peer_tls", reason });
        };
        Ok(PeerTlsFiles {
            ca: self.beside(&files.ca),
            certificate: self.beside(&files.certificate),
            key: self.beside(&files.key),
            revoked: files.revoked.as_ref().map(|file| self.beside(file)),
        })
    }
}

impl Config {
    /// Reads this replica's identity, and checks that it fits together and would be believed now.
    pub fn read_peer_tls(&self) -> Result<PeerTls, ConfigError> {
        let named = &self.peer_tls;
        let ca = files::read(&named.ca, "peer_tls.ca")?;
        let certificate = files::read(&named.certificate, "peer_tls.certificate")?;
        let key = files::read_private(&named.key, "peer_tls.key")?;
        let revoked = named.revoked.as_ref().map(|file| files::read(file, "peer_tls.revoked")).transpose()?;
        let pems = PeerPems { ca: &ca, certificate: &certificate, key: &key, revoked: revoked.as_deref() };
        PeerTls::new(self.cluster, self.replica, pems).map_err(|error| {
            let (file, field) = match error.field {
                "ca" => (&named.ca, "peer_tls.ca"),
                "key" => (&named.key, "peer_tls.key"),
                "revoked" => (named.revoked.as_ref().unwrap_or(&named.ca), "peer_tls.revoked"),
                _ => (&named.certificate, "peer_tls.certificate"),
            };
            ConfigError::File { file: file.clone(), field, reason: error.reason }
        })
    }
}
