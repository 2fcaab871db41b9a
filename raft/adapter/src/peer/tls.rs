//! Mutual TLS 1.3 between replicas: whom a replica believes to be whom.
//!
//! One authority for each cluster signs a certificate for each replica, which names that one replica of that one cluster
//! (`ridethrough_pki::name`). rustls checks signature, time, purpose and revocation on both sides; what it cannot know is
//! checked here: that the certificate names one replica and no other, that it is of this cluster, and (by the greeting) that
//! the caller is who it says. There is no other way in: a replica has no plain-text mode.
//!
//! Nothing is resumed and nothing is sent early: every connection proves both ends anew, and no request can be replayed.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ridethrough_core::device::ReplicaId;
use ridethrough_pki::{Certificate, Holder, PeerName};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::refusal::{Refusal, Refused};
use crate::network::{Duplex, Stream};

/// Two authorities stand side by side while one replaces the other.
const AUTHORITIES_MAX: usize = 2;
/// What a caller that was refused may still have sent before it noticed.
const LEFT_UNREAD_BYTES_MAX: u64 = 16 << 10;

/// What comes from the peer.
pub(crate) type Source = ReadHalf<TlsStream<Stream>>;
/// What goes to the peer.
pub(crate) type Sink = WriteHalf<TlsStream<Stream>>;

/// The texts that a replica's identity is made of, all PEM.
#[derive(Clone, Copy)]
pub struct PeerPems<'a> {
    /// The certificate of the cluster's authority; two while one replaces the other.
    pub ca: &'a str,
    /// This replica's certificate.
    pub certificate: &'a str,
    /// The key of that certificate.
    pub key: &'a str,
    /// Lists of revoked certificates, one from each authority.
    pub revoked: Option<&'a str>,
}

/// A replica's identity, and whom it believes. Cheap to clone.
#[derive(Clone)]
pub struct PeerTls {
    name: PeerName,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    expiry: [(&'static str, Certificate); 2],
}

/// Why an identity cannot be used. No message holds anything of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// Which of the texts is concerned: `ca`, `certificate`, `key` or `revoked`.
    pub field: &'static str,
    /// Why.
    pub reason: String,
}

impl PeerTls {
    /// Makes an identity, once all its parts fit together and are valid now.
    pub fn new(cluster: [u8; 16], replica: ReplicaId, pems: PeerPems<'_>) -> Result<Self, TlsError> {
        let name = PeerName { cluster, replica: replica.0 };
        let (authority, roots) = authorities(pems.ca)?;
        let (own, der) = own(pems.certificate, name)?;
        let lists = lists(pems.revoked)?;
        let provider = Arc::new(ring::default_provider());
        let client_verifier = believed_callers(&roots, &lists, &provider)?;
        // What would be refused by every peer is refused here, where somebody looks.
        let checked = client_verifier.verify_client_cert(&der, &[], UnixTime::now());
        checked.map_err(|error| wrong("certificate", Refusal::of_tls(&error)))?;
        let client = client(&roots, lists, &provider, der.clone(), key(pems.key)?)?;
        let server = server(client_verifier, &provider, der, key(pems.key)?)?;
        let expiry = [("replica", own), ("authority", authority)];
        Ok(Self { name, client: Arc::new(client), server: Arc::new(server), expiry })
    }

    /// Whose identity it is.
    pub fn name(&self) -> PeerName {
        self.name
    }

    /// Whole days until the certificate of the replica and that of its authority expire.
    pub fn days_left(&self, now: SystemTime) -> [(&'static str, i64); 2] {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_unix_s = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        [0, 1].map(|nth| (self.expiry[nth].0, self.expiry[nth].1.days_left(now_unix_s)))
    }

    /// Speaks to a peer that was called: the connection's other end has proved to be this replica.
    pub(crate) async fn call<S: Duplex>(&self, stream: S, to: u64) -> io::Result<TlsStream<S>> {
        let replica = u16::try_from(to).map_err(io::Error::other)?;
        connect(&self.client, stream, PeerName { replica, ..self.name }).await
    }

    /// Answers a caller: its number, which it has proved.
    pub(crate) async fn answer<S: Duplex>(&self, stream: S) -> io::Result<(TlsStream<S>, u64)> {
        let (stream, holder) = self.accept(stream).await?;
        let Holder::Replica(caller) = holder else { return Err(Refused::error(Refusal::BadCertificate)) };
        if caller.cluster != self.name.cluster {
            return Err(Refused::error(Refusal::OtherCluster));
        }
        Ok((stream, caller.replica.into()))
    }

    /// Answers a person who calls: the name, which was proved. A replica is no person.
    pub async fn answer_person<S: Duplex>(&self, stream: S) -> io::Result<(TlsStream<S>, String)> {
        let (stream, holder) = self.accept(stream).await?;
        let Holder::Person(caller) = holder else { return Err(Refused::error(Refusal::BadCertificate)) };
        if caller.cluster != self.name.cluster {
            return Err(Refused::error(Refusal::OtherCluster));
        }
        Ok((stream, caller.person))
    }

    async fn accept<S: Duplex>(&self, stream: S) -> io::Result<(TlsStream<S>, Holder)> {
        let accepted = TlsAcceptor::from(Arc::clone(&self.server)).accept(stream).into_fallible().await;
        let stream = match accepted {
            Ok(stream) => stream,
            Err((error, stream)) => {
                part(stream).await;
                return Err(error);
            }
        };
        let caller = named(stream.get_ref().1.peer_certificates())?;
        Ok((stream.into(), caller))
    }
}

/// Lets whoever was called prove to be this replica.
pub(super) async fn connect<S: Duplex>(
    client: &Arc<ClientConfig>,
    stream: S,
    expected: PeerName,
) -> io::Result<TlsStream<S>> {
    let server_name = ServerName::try_from(expected.to_string()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::clone(client)).connect(server_name, stream).await?;
    if named(stream.get_ref().1.peer_certificates())? != Holder::Replica(expected) {
        return Err(Refused::error(Refusal::OtherReplica));
    }
    Ok(stream.into())
}

/// Lets a refused caller read why. To close at once would reset the connection while it is still sending, and the reason
/// would be lost with it. Ends by the greeting's deadline at the latest.
async fn part(mut stream: impl Duplex) {
    // Whatever fails here, the connection ends.
    if stream.shutdown().await.is_ok() {
        let mut left = stream.take(LEFT_UNREAD_BYTES_MAX);
        let _ = tokio::io::copy(&mut left, &mut tokio::io::sink()).await;
    }
}

/// Whom the first certificate names.
fn named(chain: Option<&[CertificateDer<'_>]>) -> io::Result<Holder> {
    let first = chain.and_then(<[_]>::first).ok_or_else(|| Refused::error(Refusal::NoCertificate))?;
    match Certificate::read(first).map(|certificate| certificate.holder) {
        Ok(Holder::Authority { .. }) | Err(_) => Err(Refused::error(Refusal::BadCertificate)),
        Ok(holder) => Ok(holder),
    }
}

pub(super) fn authorities(pem: &str) -> Result<(Certificate, Arc<RootCertStore>), TlsError> {
    let read = Certificate::read_pem(pem).map_err(|error| wrong("ca", error))?;
    if read.len() > AUTHORITIES_MAX {
        return Err(wrong("ca", format!("holds {} certificates, at most {AUTHORITIES_MAX} go", read.len())));
    }
    let foreign = read.iter().find_map(|certificate| match certificate.holder {
        Holder::Authority { .. } => None,
        Holder::Replica(_) => Some("replica"),
        Holder::Person(_) => Some("person"),
        Holder::Addresses(_) => Some("service"),
    });
    if let Some(whose) = foreign {
        return Err(wrong("ca", format!("holds a {whose}'s certificate, expected that of the cluster's authority")));
    }
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let added = der.map_err(|error| wrong("ca", error)).map(|der| roots.add(der))?;
        added.map_err(|error| wrong("ca", error))?;
    }
    // Of two, the older one is on its way out.
    let newest = read.into_iter().max_by_key(|certificate| certificate.until_unix_s);
    newest.map(|authority| (authority, Arc::new(roots))).ok_or_else(|| wrong("ca", "holds no certificate"))
}

/// This replica's certificate, which must name it.
fn own(pem: &str, name: PeerName) -> Result<(Certificate, CertificateDer<'static>), TlsError> {
    let field = "certificate";
    let (own, der) = only_certificate(pem)?;
    match &own.holder {
        Holder::Replica(found) if *found == name => Ok((own, der)),
        Holder::Replica(found) => Err(wrong(field, format!("names {found}, this replica is {name}"))),
        Holder::Person(found) => Err(wrong(field, format!("names {found}, expected this replica"))),
        Holder::Addresses(_) => Err(wrong(field, "names addresses, expected this replica")),
        Holder::Authority { .. } => Err(wrong(field, "is an authority's, expected this replica's")),
    }
}

pub(super) fn only_certificate(pem: &str) -> Result<(Certificate, CertificateDer<'static>), TlsError> {
    let field = "certificate";
    let mut read = Certificate::read_pem(pem).map_err(|error| wrong(field, error))?;
    let (Some(own), true) = (read.pop(), read.is_empty()) else {
        return Err(wrong(field, "holds several certificates, expected one"));
    };
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| wrong(field, error))?;
    Ok((own, der))
}

pub(super) fn key(pem: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    // What the parser says of a damaged file could hold a piece of it.
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong("key", "holds no private key in PEM"))
}

pub(super) fn lists(pem: Option<&str>) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let Some(pem) = pem else { return Ok(Vec::new()) };
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem.as_bytes()).collect();
    let lists = lists.map_err(|error| wrong("revoked", error))?;
    if lists.is_empty() || lists.len() > AUTHORITIES_MAX {
        let reason = format!("holds {} lists of revoked certificates, 1 to {AUTHORITIES_MAX} go", lists.len());
        return Err(wrong("revoked", reason));
    }
    Ok(lists)
}

/// Who may call. With a list, a certificate whose authority has none in it is refused, too: a list that was left out is no news.
fn believed_callers(
    roots: &Arc<RootCertStore>,
    lists: &[CertificateRevocationListDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    let built = builder.with_crls(lists.to_vec()).only_check_end_entity_revocation().build();
    built.map_err(|error| wrong("revoked", error))
}

pub(super) fn client(
    roots: &Arc<RootCertStore>,
    lists: Vec<CertificateRevocationListDer<'static>>,
    provider: &Arc<CryptoProvider>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, TlsError> {
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    let verifier = builder.with_crls(lists).only_check_end_entity_revocation().build();
    let verifier = verifier.map_err(|error| wrong("revoked", error))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(|error| wrong("key", error))?;
    let builder = builder.with_webpki_verifier(verifier);
    let made = builder.with_client_auth_cert(vec![certificate], key);
    let mut config = made.map_err(|error| wrong("key", key_fault(&error)))?;
    config.resumption = Resumption::disabled();
    // It would tell cluster and replica to whoever listens.
    config.enable_sni = false;
    Ok(config)
}

fn server(
    verifier: Arc<dyn ClientCertVerifier>,
    provider: &Arc<CryptoProvider>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(|error| wrong("key", error))?;
    let made = builder.with_client_cert_verifier(verifier).with_single_cert(vec![certificate], key);
    let mut config = made.map_err(|error| wrong("key", key_fault(&error)))?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn key_fault(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "is not the key of the certificate".into(),
        error => error.to_string(),
    }
}

pub(super) fn wrong(field: &'static str, reason: impl fmt::Display) -> TlsError {
    TlsError { field, reason: reason.to_string() }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for TlsError {}

impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of the key.
        f.debug_struct("PeerTls").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_pki::{Authority, Validity};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::peer::frame::{FRAME_BYTES_MAX, Frame, FrameReader, Kind, write_frame};

    const CLUSTER: [u8; 16] = *b"ridethrough-test";
    /// Less than a record of TLS, one, more than rustls keeps, and all that a frame may hold.
    const LENGTHS: [usize; 5] = [0, 1, 16 << 10, (64 << 10) + 1, FRAME_BYTES_MAX - 9];

    fn identity(authority: &Authority, id: u16) -> PeerTls {
        let issued = authority.issue(id, Validity::days(1)).expect("issued");
        let (ca, certificate, key) = (authority.certificate_pem(), &issued.certificate_pem, &issued.key_pem);
        PeerTls::new(CLUSTER, ReplicaId(id), PeerPems { ca, certificate, key, revoked: None }).expect("fits together")
    }

    #[test]
    fn a_frame_of_any_size_arrives_whole_and_comes_from_who_it_says() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let authority = Authority::found(CLUSTER, Validity::days(2)).expect("founded");
            let (near, far) = (identity(&authority, 1), identity(&authority, 2));
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("bound");
            let called = tokio::spawn(async move {
                let (stream, caller) = far.answer(listener.accept().await.expect("called").0).await.expect("believed");
                let mut frames = FrameReader::new(stream);
                frames.accept_all();
                for length in LENGTHS {
                    let frame = frames.next().await.expect("arrives");
                    assert_eq!(frame.body, vec![7; length], "{length}");
                }
                (caller, frames)
            });
            let stream = TcpStream::connect(address).await.expect("called");
            let mut stream = near.call(stream, 2).await.expect("believed");
            for length in LENGTHS {
                let frame = Frame { kind: Kind::Request, id: 1, body: vec![7; length] };
                write_frame(&mut stream, &frame).await.expect("sent");
            }
            assert_eq!(called.await.expect("all of them").0, 1);
        });
    }
}
