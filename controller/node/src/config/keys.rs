//! The secrets that a replica signs with.

use ridethrough_protocol::ReplicaKeys;
use ridethrough_witness::SigningKey;

use super::{Config, ConfigError, files};

impl Config {
    /// Reads the key that checkpoints of the log are signed with.
    pub fn read_audit_key(&self) -> Result<Option<SigningKey>, ConfigError> {
        let Some(file) = &self.audit_key else { return Ok(None) };
        let wrong = |reason| ConfigError::File { file: file.clone(), field: "audit.key", reason };
        SigningKey::parse(&files::read_private(file, "audit.key")?)
            .map(Some)
            .map_err(|error| wrong(format!("{error}; `ridectl audit keygen` makes one")))
    }

    /// Reads this replica's DPCN secrets.
    pub fn read_keys(&self) -> Result<ReplicaKeys, ConfigError> {
        let wrong = |reason| ConfigError::File { file: self.dpcn_secret.clone(), field: "dpcn.secret", reason };
        let text = files::read_private(&self.dpcn_secret, "dpcn.secret")?;
        ReplicaKeys::parse(self.replica, &text).map_err(|error| wrong(error.to_string()))
    }
}
