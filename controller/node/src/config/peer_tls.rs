//! What a replica's identity towards its peers is read from.

use std::io::Read;
use std::path::{Path, PathBuf};

use ridethrough_raft::{PeerPems, PeerTls};

use super::{Config, ConfigError};

/// Most bytes of each file.
const BYTES_MAX: u64 = 1 << 20;

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

impl Config {
    /// Reads this replica's identity, and checks that it fits together and would be believed now.
    pub fn read_peer_tls(&self) -> Result<PeerTls, ConfigError> {
        let files = &self.peer_tls;
        let [ca, certificate, key] =
            [(&files.ca, "peer_tls.ca"), (&files.certificate, "peer_tls.certificate"), (&files.key, "peer_tls.key")]
                .map(|(file, field)| read(file, field));
        let revoked = files.revoked.as_ref().map(|file| read(file, "peer_tls.revoked")).transpose()?;
        let (ca, certificate, key) = (ca?, certificate?, key?);
        let pems = PeerPems { ca: &ca, certificate: &certificate, key: &key, revoked: revoked.as_deref() };
        PeerTls::new(self.cluster, self.replica, pems).map_err(|error| {
            let (file, field) = match error.field {
                "ca" => (&files.ca, "peer_tls.ca"),
                "key" => (&files.key, "peer_tls.key"),
                "revoked" => (files.revoked.as_ref().unwrap_or(&files.ca), "peer_tls.revoked"),
                _ => (&files.certificate, "peer_tls.certificate"),
            };
            ConfigError::File { file: file.clone(), field, reason: error.reason }
        })
    }
}

fn read(file: &Path, field: &'static str) -> Result<String, ConfigError> {
    let wrong = |reason| ConfigError::File { file: file.into(), field, reason };
    let mut text = String::new();
    let opened = std::fs::File::open(file).and_then(|opened| opened.take(BYTES_MAX + 1).read_to_string(&mut text));
    opened.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(wrong(format!("is larger than {BYTES_MAX} bytes")));
    }
    Ok(text)
}
