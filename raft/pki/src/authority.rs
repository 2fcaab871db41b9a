//! An authority: signs the certificates of one cluster's replicas, and says which are revoked.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData,
    RevokedCertParams, SerialNumber,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::{ADDRESSES_MAX, Certificate, Holder};
use crate::error::ReadError;
use crate::name::{PeerName, PersonName, domain, is_person};
use crate::pem;
use crate::revoked::{Revoked, only_block, parse};

/// Clocks of replicas may differ by so much: a new certificate is valid since then.
const CLOCK_MARGIN: Duration = Duration::from_hours(1);
/// When a list would be due again. Replicas use the newest that they were given, however old it is.
const LIST_LASTS: Duration = Duration::from_hours(24 * 3_650);
/// Most certificates on a list. A cluster has at most seven replicas.
pub const REVOKED_MAX: usize = 1_024;

/// The first and the last moment in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first.
    pub from: SystemTime,
    /// The last.
    pub until: SystemTime,
}

/// A certificate with its key, both as PEM.
pub struct Issued {
    /// For the holder and for whoever likes.
    pub certificate_pem: String,
    /// For the holder alone.
    pub key_pem: String,
}

/// One cluster's authority.
pub struct Authority {
    cluster: [u8; 16],
    certificate: Certificate,
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Why something is not made.
#[derive(Debug)]
pub enum IssueError {
    /// What it is made from cannot be read.
    Read(ReadError),
    /// The certificate is no authority's, or one that is bound to no cluster.
    NoAuthority,
    /// The key is none, or another certificate's.
    OtherKey,
    /// Replicas are counted from 1.
    NoReplica,
    /// A person cannot be called so.
    NoPerson,
    /// A certificate has 1 to 8 addresses.
    NoAddresses,
    /// It would outlive its authority, or expire before it begins.
    Validity,
    /// The certificate, or the list, was signed by another authority.
    Foreign {
        /// Which of the two.
        what: &'static str,
    },
    /// It is on the list already.
    RevokedAlready,
    /// The list is full.
    Full,
    /// The cryptographic library refuses.
    Crypto(rcgen::Error),
}

impl Validity {
    /// From now on for so many days; a little earlier, because clocks differ.
    pub fn days(days: u32) -> Self {
        let now = SystemTime::now();
        Self { from: now - CLOCK_MARGIN, until: now + Duration::from_hours(24 * u64::from(days)) }
    }
}

impl Authority {
    /// Founds the authority of a cluster with a new key. It is bound to the cluster: nobody believes what it signs for another.
    pub fn found(cluster: [u8; 16], validity: Validity) -> Result<Self, IssueError> {
        let mut params = params(&format!("Ridethrough {}", domain(cluster)), validity);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let permitted_subtrees = vec![GeneralSubtree::DnsName(domain(cluster))];
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        let key = KeyPair::generate()?;
        let certificate_pem = params.self_signed(&key)?.pem();
        Self::open(&certificate_pem, &key.serialize_pem())
    }

    /// Opens an authority that was founded before.
    pub fn open(certificate_pem: &str, key_pem: &str) -> Result<Self, IssueError> {
        let der = pem::blocks(certificate_pem, pem::CERTIFICATE)?;
        let [der] = &der[..] else { return Err(ReadError::TooMany { blocks_max: 1 }.into()) };
        let certificate = Certificate::read(der)?;
        let Holder::Authority { cluster: Some(cluster) } = certificate.holder else {
            return Err(IssueError::NoAuthority);
        };
        let key = KeyPair::from_pem(key_pem).map_err(|_| IssueError::OtherKey)?;
        if parsed(der)?.public_key().raw != key.subject_public_key_info() {
            return Err(IssueError::OtherKey);
        }
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key)?;
        Ok(Self { cluster, certificate, certificate_pem: certificate_pem.into(), issuer })
    }

    /// The cluster that it signs for.
    pub fn cluster(&self) -> [u8; 16] {
        self.cluster
    }

    /// Its certificate, for every replica.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its key, for nobody else.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Makes a key and a certificate for a replica.
    pub fn issue(&self, replica: u16, validity: Validity) -> Result<Issued, IssueError> {
        if replica == 0 {
            return Err(IssueError::NoReplica);
        }
        let name = PeerName { cluster: self.cluster, replica }.to_string();
        // Every replica calls and is called.
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&format!("Ridethrough replica {replica}"), vec![name], usages, validity)
    }

    /// Makes a key and a certificate for a person, who calls replicas and is never called.
    pub fn issue_person(&self, person: &str, validity: Validity) -> Result<Issued, IssueError> {
        if !is_person(person) {
            return Err(IssueError::NoPerson);
        }
        let name = PersonName { cluster: self.cluster, person: person.into() }.to_string();
        let usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&format!("Ridethrough person {person}"), vec![name], usages, validity)
    }

    /// Makes a key and a certificate for what a replica serves at these addresses, to clients that believe this authority. No replica takes
    /// whoever shows it for a peer or a person. Names of hosts cannot be in it: the authority is bound to those of its cluster.
    pub fn issue_addresses(&self, addresses: &[IpAddr], validity: Validity) -> Result<Issued, IssueError> {
        if !(1..=ADDRESSES_MAX).contains(&addresses.len()) {
            return Err(IssueError::NoAddresses);
        }
        let names = addresses.iter().map(IpAddr::to_string).collect();
        self.sign("Ridethrough service", names, vec![ExtendedKeyUsagePurpose::ServerAuth], validity)
    }

    fn sign(
        &self,
        common_name: &str,
        names: Vec<String>,
        usages: Vec<ExtendedKeyUsagePurpose>,
        validity: Validity,
    ) -> Result<Issued, IssueError> {
        // TLS libraries do not look at when an authority expires, so nothing it signs may outlive it.
        if validity.until <= validity.from || unix_s(validity.until) > self.certificate.until_unix_s {
            return Err(IssueError::Validity);
        }
        let mut params = params(common_name, validity);
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate_pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { certificate_pem, key_pem: key.serialize_pem() })
    }

    /// The list of revoked certificates with one more on it; `list` is the one before, if there is any.
    pub fn revoke(&self, list: Option<&str>, certificate_pem: &str) -> Result<String, IssueError> {
        let own = pem::blocks(&self.certificate_pem, pem::CERTIFICATE)?;
        let own = parsed(&own[0])?;
        let revoked = pem::blocks(certificate_pem, pem::CERTIFICATE)?;
        let [revoked] = &revoked[..] else { return Err(ReadError::TooMany { blocks_max: 1 }.into()) };
        let revoked = parsed(revoked)?;
        let foreign = |what| move |_| IssueError::Foreign { what };
        revoked.verify_signature(Some(own.public_key())).map_err(foreign("certificate"))?;
        let mut entries = Vec::new();
        if let Some(list) = list {
            let der = only_block(list)?;
            let parsed = parse(&der)?;
            parsed.verify_signature(own.public_key()).map_err(foreign("list"))?;
            let known = Revoked::of(&parsed);
            if known.holds(revoked.raw_serial()) {
                return Err(IssueError::RevokedAlready);
            }
            entries = known.entries;
        }
        if entries.len() >= REVOKED_MAX {
            return Err(IssueError::Full);
        }
        let now = SystemTime::now();
        entries.push((revoked.raw_serial().to_vec(), unix_s(now)));
        self.list(entries, now)
    }

    fn list(&self, entries: Vec<(Vec<u8>, i64)>, now: SystemTime) -> Result<String, IssueError> {
        // Entries are only ever added, so their number numbers the lists.
        let crl_number = SerialNumber::from(entries.len() as u64);
        let entry = |(serial, at_unix_s): (Vec<u8>, i64)| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: (UNIX_EPOCH + Duration::from_secs(at_unix_s.max(0).unsigned_abs())).into(),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: now.into(),
            next_update: (now + LIST_LASTS).into(),
            crl_number,
            issuing_distribution_point: None,
            revoked_certs: entries.into_iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }
}

fn params(common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    (params.not_before, params.not_after) = (validity.from.into(), validity.until.into());
    params
}

fn parsed(der: &[u8]) -> Result<X509Certificate<'_>, ReadError> {
    let read = X509Certificate::from_der(der).map(|(_, parsed)| parsed);
    read.map_err(|_| ReadError::Malformed { expected: "X.509 certificate" })
}

fn unix_s(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl From<ReadError> for IssueError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<rcgen::Error> for IssueError {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error)
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is never shown.
        f.debug_struct("Issued").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::NoAuthority => f.write_str("is no authority's certificate that is bound to one cluster"),
            Self::OtherKey => f.write_str("is no key, or not that of the authority's certificate"),
            Self::NoPerson => f.write_str("a person is called by 1 to 32 small letters, digits and inner hyphens"),
            Self::NoAddresses => write!(f, "a certificate has 1 to {ADDRESSES_MAX} addresses"),
            Self::NoReplica => f.write_str("replicas are counted from 1"),
            Self::Validity => f.write_str("would outlive its authority, or expire before it begins: name fewer days"),
            Self::Foreign { what } => write!(f, "the {what} was signed by another authority"),
            Self::RevokedAlready => f.write_str("is revoked already"),
            Self::Full => write!(f, "the list is full ({REVOKED_MAX} certificates): found a new authority"),
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IssueError {}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: [u8; 16] = *b"ridethrough-test";

    fn authority() -> Authority {
        Authority::found(CLUSTER, Validity::days(30)).expect("founded")
    }

    #[test]
    fn a_certificate_names_its_replica_and_its_days() {
        let issued = authority().issue(2, Validity::days(9)).expect("issued");
        let read = Certificate::read_pem(&issued.certificate_pem).expect("reads");
        assert_eq!(read[0].holder, Holder::Replica(PeerName { cluster: CLUSTER, replica: 2 }));
        let now = unix_s(SystemTime::now());
        assert!((8..=9).contains(&read[0].days_left(now)) && read[0].is_valid_at(now));
        assert!(!read[0].is_valid_at(now + 10 * 86_400) && !read[0].is_valid_at(now - 7_200));
        assert_eq!(read[0].days_left(now + 9 * 86_400 + 10), -1);
        assert!(!format!("{issued:?}").contains("PRIVATE"), "a key is never shown");
    }

    #[test]
    fn a_person_is_no_replica() {
        let issued = authority().issue_person("mira", Validity::days(9)).expect("issued");
        let read = Certificate::read_pem(&issued.certificate_pem).expect("reads");
        assert_eq!(read[0].holder, Holder::Person(PersonName { cluster: CLUSTER, person: "mira".into() }));
        assert!(matches!(authority().issue_person("Mira", Validity::days(9)), Err(IssueError::NoPerson)));
        assert!(matches!(authority().issue_person("mira", Validity::days(31)), Err(IssueError::Validity)));
    }

    #[test]
    fn addresses_are_neither_replica_nor_person() {
        let addresses: [IpAddr; 2] = ["10.0.0.1".parse().expect("one"), "fd00::1".parse().expect("one")];
        let issued = authority().issue_addresses(&addresses, Validity::days(9)).expect("issued");
        let read = Certificate::read_pem(&issued.certificate_pem).expect("reads");
        assert_eq!(read[0].holder, Holder::Addresses(addresses.to_vec()));
        let refused =
            |addresses: &[IpAddr]| authority().issue_addresses(addresses, Validity::days(9)).expect_err("refused");
        assert!(matches!(refused(&[]), IssueError::NoAddresses));
        assert!(matches!(refused(&[addresses[0]; ADDRESSES_MAX + 1]), IssueError::NoAddresses));
    }

    #[test]
    fn an_authority_is_opened_with_its_own_key_alone() {
        let (first, second) = (authority(), authority());
        let again = Authority::open(first.certificate_pem(), &first.key_pem()).expect("opens");
        assert_eq!(again.cluster(), CLUSTER);
        let refused =
            |certificate: &str, key: &str| Authority::open(certificate, key).err().expect("refused").to_string();
        assert!(refused(first.certificate_pem(), &second.key_pem()).contains("not that of the authority's"));
        assert!(refused(first.certificate_pem(), "").contains("is no key"));
        assert!(refused("", &first.key_pem()).contains("holds no PEM block `CERTIFICATE`"));
        let replica = first.issue(1, Validity::days(1)).expect("issued");
        assert!(refused(&replica.certificate_pem, &replica.key_pem).contains("is no authority's certificate"));
    }

    #[test]
    fn nothing_outlives_its_authority() {
        let refused = |validity| authority().issue(1, validity).expect_err("refused");
        assert!(matches!(refused(Validity::days(31)), IssueError::Validity));
        let now = SystemTime::now();
        assert!(matches!(refused(Validity { from: now, until: now }), IssueError::Validity));
        assert!(matches!(authority().issue(0, Validity::days(1)), Err(IssueError::NoReplica)));
    }

    #[test]
    fn a_list_grows_and_holds_only_what_its_authority_signed() {
        let [authority, other] = [(); 2].map(|()| authority());
        let [one, two] = [1, 2].map(|id| authority.issue(id, Validity::days(9)).expect("issued").certificate_pem);
        let serial = |pem: &str| Certificate::read_pem(pem).expect("reads")[0].serial.clone();
        let list = authority.revoke(None, &one).expect("revoked");
        let read = Revoked::read_pem(&list).expect("reads");
        assert!(read.holds(&serial(&one)) && !read.holds(&serial(&two)));
        let list = authority.revoke(Some(&list), &two).expect("revoked");
        let read = Revoked::read_pem(&list).expect("reads");
        assert!(read.holds(&serial(&one)) && read.holds(&serial(&two)) && read.entries.len() == 2);
        assert!(matches!(authority.revoke(Some(&list), &one), Err(IssueError::RevokedAlready)));
        assert!(matches!(other.revoke(None, &one), Err(IssueError::Foreign { what: "certificate" })));
        let foreign = other.revoke(None, &other.issue(1, Validity::days(1)).expect("issued").certificate_pem);
        let refused = authority.revoke(Some(&foreign.expect("revoked")), &one);
        assert!(matches!(refused, Err(IssueError::Foreign { what: "list" })));
    }
}
