//! People who ask replicas from elsewhere: the calling side. A replica answers them by [`PeerTls::answer_person`](super::tls::PeerTls::answer_person).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ridethrough_core::device::ReplicaId;
use ridethrough_pki::{Holder, PeerName};
use rustls::ClientConfig;
use rustls::crypto::ring;
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::tls::{PeerPems, TlsError, authorities, client, connect, key, lists, only_certificate, wrong};

/// What a person calls replicas with.
#[derive(Clone)]
pub struct PersonTls {
    cluster: [u8; 16],
    client: Arc<ClientConfig>,
}

impl PersonTls {
    /// Makes an identity of a person, once its parts fit together.
    pub fn new(pems: PeerPems<'_>) -> Result<Self, TlsError> {
        let (_, roots) = authorities(pems.ca)?;
        let (own, der) = only_certificate(pems.certificate)?;
        let Holder::Person(name) = own.holder else { return Err(wrong("certificate", "is no person's")) };
        let (provider, lists) = (Arc::new(ring::default_provider()), lists(pems.revoked)?);
        let client = client(&roots, lists, &provider, der, key(pems.key)?)?;
        Ok(Self { cluster: name.cluster, client: Arc::new(client) })
    }

    /// Calls a replica: the connection's other end has proved to be it.
    pub async fn call(&self, address: SocketAddr, replica: ReplicaId) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        connect(&self.client, stream, PeerName { cluster: self.cluster, replica: replica.0 }).await
    }
}

impl fmt::Debug for PersonTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of the key.
        f.debug_struct("PersonTls").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}
