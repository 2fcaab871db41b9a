//! An authority that signs anything, and a TLS client and server of rustls alone.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use ridethrough_pki::{Certificate, Issued, PeerName};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection, SignatureScheme, Stream,
};

use crate::common::{CLUSTER, PATIENCE};

pub const DAY: Duration = Duration::from_hours(24);

/// The name of a replica of the tests' cluster.
pub fn peer(replica: u16) -> String {
    PeerName { cluster: CLUSTER, replica }.to_string()
}

/// An authority that is bound to nothing.
pub struct Ca {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Two authorities must not have one name: a certificate names its issuer.
        let key = KeyPair::generate().expect("a key");
        let name = key.public_key_raw()[1..9].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub fn open(pem: &str, key: &str) -> Self {
        let key = KeyPair::from_pem(key).expect("a key");
        Self { pem: pem.into(), issuer: Issuer::from_ca_cert_pem(pem, key).expect("an authority") }
    }

    pub fn issue(&self, names: &[String]) -> Issued {
        let now = SystemTime::now();
        self.issue_at(names, now - DAY, now + DAY)
    }

    pub fn issue_at(&self, names: &[String], from: SystemTime, until: SystemTime) -> Issued {
        let both = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(names, from, until, both)
    }

    pub fn issue_for_servers(&self, names: &[String]) -> Issued {
        let now = SystemTime::now();
        self.sign(names, now - DAY, now + DAY, vec![ExtendedKeyUsagePurpose::ServerAuth])
    }

    fn sign(
        &self,
        names: &[String],
        from: SystemTime,
        until: SystemTime,
        purposes: Vec<ExtendedKeyUsagePurpose>,
    ) -> Issued {
        let mut params = CertificateParams::new(names.to_vec()).expect("names");
        (params.not_before, params.not_after) = (from.into(), until.into());
        params.extended_key_usages = purposes;
        let key = KeyPair::generate().expect("a key");
        let certificate_pem = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Issued { certificate_pem, key_pem: key.serialize_pem() }
    }

    /// A list with this certificate on it.
    pub fn revoke(&self, issued: &Issued) -> String {
        let serial = Certificate::read_pem(&issued.certificate_pem).expect("reads")[0].serial.clone();
        let now = SystemTime::now();
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: now.into(),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: now.into(),
            next_update: (now + DAY).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).expect("signed").pem().expect("PEM")
    }
}

/// The frame that a caller begins with, written from the page of the format: length, CRC32C, kind 1, number 0, then magic,
/// version and cluster, and who calls whom.
pub fn hello(from: u8, to: u8) -> Vec<u8> {
    let mut content = vec![1];
    content.extend([0; 8]);
    content.extend(b"RDTHPEER");
    content.extend(2_u16.to_le_bytes());
    content.extend(CLUSTER);
    content.extend(u64::from(from).to_le_bytes());
    content.extend(u64::from(to).to_le_bytes());
    let mut frame = u32::try_from(content.len()).expect("short").to_le_bytes().to_vec();
    frame.extend(crc32c::crc32c(&content).to_le_bytes());
    frame.extend(content);
    frame
}

/// What a caller heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// TLS said that it is refused.
    Alert,
    /// The connection ended.
    End,
    /// The body of the replica's greeting.
    Greeting(Vec<u8>),
}

/// Calls a replica with this certificate, or without one, and says this.
pub fn visit(address: SocketAddr, issued: Option<&Issued>, greeting: &[u8]) -> Heard {
    let mut socket = TcpStream::connect(address).expect("listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("sets");
    let name = ServerName::try_from("anybody").expect("a name");
    let mut client = ClientConnection::new(Arc::new(caller(issued)), name).expect("a client");
    let mut heard = vec![0; 64];
    let answered = {
        let mut stream = Stream::new(&mut client, &mut socket);
        stream.write_all(greeting).and_then(|()| stream.read(&mut heard))
    };
    assert_eq!(client.tls13_tickets_received(), 0, "nothing can be resumed");
    match answered {
        // Length, checksum, kind and number come before the body.
        Ok(read) if read > 17 => Heard::Greeting(heard[17..read].to_vec()),
        Ok(0) => Heard::End,
        Ok(read) => panic!("{read} bytes are no greeting"),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Heard::End,
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::AlertReceived(_)) => Heard::Alert,
            _ => panic!("a caller that is refused hears why: {error:?}"),
        },
    }
}

fn caller(issued: Option<&Issued>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).expect("a version");
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Credulous));
    match issued {
        Some(issued) => {
            let (certificate, key) = parts(issued);
            builder.with_client_auth_cert(vec![certificate], key).expect("a pair")
        }
        None => builder.with_no_client_auth(),
    }
}

fn parts(issued: &Issued) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).expect("PEM");
    (certificate, PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).expect("PEM"))
}

/// What a replica said to somebody who is not who it should be.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Nothing,
    Something(Vec<u8>),
}

/// The next caller that wants more than to see the connection end.
pub fn called(listener: &TcpListener) -> TcpStream {
    let mut watchers = Vec::new();
    loop {
        let (caller, _) = listener.accept().expect("is called");
        caller.set_read_timeout(Some(PATIENCE)).expect("sets");
        let mut first = [0];
        caller.peek(&mut first).expect("says something");
        if first != *b"W" {
            return caller;
        }
        // Kept open, or it would come back at once.
        watchers.push(caller);
    }
}

/// Answers one call with this certificate and listens for what it is told.
pub fn impostor(listener: &TcpListener, issued: &Issued) -> Told {
    let mut socket = called(listener);
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).expect("a version").with_no_client_auth();
    let (certificate, key) = parts(issued);
    let config = builder.with_single_cert(vec![certificate], key).expect("a pair");
    let mut server = ServerConnection::new(Arc::new(config)).expect("a server");
    let mut told = Vec::new();
    // However it ends, what counts is what was told before.
    let _ = Stream::new(&mut server, &mut socket).read_to_end(&mut told);
    if told.is_empty() { Told::Nothing } else { Told::Something(told) }
}

/// Believes any server: what these tests ask is whom the replica believes.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
