//! What the replicas of a demo or a test know each other by: an authority of their own, whose key nobody keeps.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use ridethrough_pki::{Authority, Validity, cluster_id};

use super::cluster::write_private;

/// Longer than what a replica warns of.
const DAYS: u32 = 365;

/// Writes what replicas 1 to `replicas` of the cluster of this name need into a folder: `ca.pem`, and a certificate and a key for each.
pub fn write(folder: &Path, cluster: &str, replicas: u16) -> Result<()> {
    let authority = Authority::found(cluster_id(cluster), Validity::days(DAYS + 1))?;
    fs::write(folder.join("ca.pem"), authority.certificate_pem())?;
    for id in 1..=replicas {
        let issued = authority.issue(id, Validity::days(DAYS))?;
        fs::write(certificate(folder, id), &issued.certificate_pem)?;
        write_private(&folder.join(format!("n{id}-peer.key")), &issued.key_pem)?;
    }
    Ok(())
}

/// The section of a replica's configuration that names them, for a configuration in the same folder.
pub fn section(id: u16) -> String {
    format!("[peer_tls]\nca = \"ca.pem\"\ncertificate = \"n{id}-peer.pem\"\nkey = \"n{id}-peer.key\"\n\n")
}

/// Where a replica's certificate lies.
pub fn certificate(folder: &Path, id: u16) -> PathBuf {
    folder.join(format!("n{id}-peer.pem"))
}
