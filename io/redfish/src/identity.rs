//! What clients know this replica by: a certificate and its key.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;

/// Most certificates of a chain.
const CHAIN_MAX: usize = 8;

/// A certificate, what it was signed by, and its key. Cheap to clone.
#[derive(Clone)]
pub struct Identity(pub(crate) Arc<ServerConfig>);

/// Why an identity cannot be used. No message holds anything of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityError {
    /// Which of the two texts is concerned: `certificate` or `key`.
    pub field: &'static str,
    /// Why.
    pub reason: String,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redfish.{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for IdentityError {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is never shown.
        f.write_str("Identity")
    }
}

impl Identity {
    /// Of PEM texts: a certificate with those it was signed by, and its key.
    pub fn new(certificate: &str, key: &str) -> Result<Self, IdentityError> {
        let wrong = |field, reason: String| IdentityError { field, reason };
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
        let chain = chain.map_err(|error| wrong("certificate", error.to_string()))?;
        if !(1..=CHAIN_MAX).contains(&chain.len()) {
            let reason = format!("holds {} certificates, expected 1 to {CHAIN_MAX}", chain.len());
            return Err(wrong("certificate", reason));
        }
        // What the parser says of a damaged file could hold a piece of it.
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| wrong("key", "holds no private key in PEM".into()))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]);
        let builder = builder.map_err(|error| wrong("key", error.to_string()))?.with_no_client_auth();
        let config = builder.with_single_cert(chain, key);
        let mut config = config.map_err(|error| wrong("key", format!("does not fit the certificate: {error}")))?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    #[test]
    fn a_key_must_be_that_of_the_certificate() {
        let made = || generate_simple_self_signed(vec!["hall".to_owned()]).expect("made");
        let CertifiedKey { cert, signing_key } = made();
        let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
        assert!(Identity::new(&certificate, &key).is_ok());
        let refused = |certificate: &str, key: &str| Identity::new(certificate, key).expect_err("refused").to_string();
        let other = refused(&certificate, &made().signing_key.serialize_pem());
        assert!(other.contains("redfish.key: does not fit the certificate"), "{other}");
        assert!(refused(&certificate, "beef").contains("redfish.key: holds no private key"));
        assert!(refused("beef", &key).contains("redfish.certificate: holds 0 certificates"));
        assert!(refused(&certificate.repeat(9), &key).contains("holds 9 certificates"));
    }
}
