//! QUIC datagrams: authenticated and encrypted by TLS 1.3, as DPCN neither acknowledged by the transport nor ordered.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig};
use ridethrough_dpcn_bench::cores::{Core, pin};
use ridethrough_dpcn_bench::latencies::Latencies;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::runtime::Runtime;

use super::QUIC;
use super::far::{FarEnd, runtime};
use crate::rounds::{Case, timed_async};
use crate::session::{ACK_BYTES, ORDER_BYTES};

/// Whom the certificate is for.
const NAME: &str = "localhost";

/// Both ends.
pub struct Quic {
    connection: Connection,
    _endpoint: Endpoint,
    _far: FarEnd,
    /// Last: what is above ends in it.
    runtime: Runtime,
}

impl Quic {
    pub fn new() -> Result<Self> {
        let (far, (far_at, certificate)) = FarEnd::start(|| async {
            let certified = rcgen::generate_simple_self_signed(vec![NAME.into()])?;
            let certificate = CertificateDer::from(certified.cert);
            let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
            let config = ServerConfig::with_single_cert(vec![certificate.clone()], key.into())?;
            let endpoint = Endpoint::server(config, loopback())?;
            Ok(((endpoint.local_addr()?, certificate), echo(endpoint)))
        })?;
        let runtime = runtime()?;
        let (endpoint, connection) = runtime.block_on(async {
            let mut roots = RootCertStore::empty();
            roots.add(certificate)?;
            let endpoint = Endpoint::client(loopback())?;
            let config = ClientConfig::with_root_certificates(Arc::new(roots))?;
            let connection = endpoint.connect_with(config, far_at, NAME)?.await?;
            anyhow::Ok((endpoint, connection))
        })?;
        Ok(Self { connection, _endpoint: endpoint, _far: far, runtime })
    }
}

impl Case for Quic {
    fn name(&self) -> &'static str {
        QUIC
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        pin(Core::Near);
        let Self { runtime, connection, .. } = self;
        runtime.block_on(timed_async(samples, async || {
            connection.send_datagram(vec![1; ORDER_BYTES].into())?;
            let answer = connection.read_datagram().await?;
            ensure!(answer.len() == ACK_BYTES, "{} bytes came back", answer.len());
            Ok(())
        }))
    }
}

async fn echo(endpoint: Endpoint) -> Result<()> {
    let connection = endpoint.accept().await.context("no connection")?.await?;
    loop {
        connection.read_datagram().await?;
        connection.send_datagram(vec![1; ACK_BYTES].into())?;
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
