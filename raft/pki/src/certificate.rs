//! What a certificate says: of whom, and until when.

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::ReadError;
use crate::name::{PeerName, PersonName, cluster_of};
use crate::pem;

const DAY_S: i64 = 86_400;
/// Most names of a certificate that are told.
const NAMES_TOLD: usize = 4;
/// Most addresses of a certificate.
pub(crate) const ADDRESSES_MAX: usize = 8;

/// What is read of a certificate. Who signed it is not checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is about.
    pub holder: Holder,
    /// Its serial number, big-endian.
    pub serial: Vec<u8>,
    /// The first second in which it is valid, Unix time.
    pub from_unix_s: i64,
    /// The last second in which it is valid, Unix time.
    pub until_unix_s: i64,
}

/// Whom a certificate is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An authority, with the cluster that a name constraint binds it to.
    Authority {
        /// The cluster; none when it is not bound to one.
        cluster: Option<[u8; 16]>,
    },
    /// A replica.
    Replica(PeerName),
    /// Somebody who may ask replicas.
    Person(PersonName),
    /// Whatever a replica serves at these addresses. It is no peer and no person.
    Addresses(Vec<IpAddr>),
}

impl Certificate {
    /// Reads a DER certificate. One that is no authority's must name one replica or one person and nothing else, or addresses and nothing
    /// else, so that it never speaks for two: wildcards and further names are refused.
    pub fn read(der: &[u8]) -> Result<Self, ReadError> {
        let malformed = ReadError::Malformed { expected: "X.509 certificate" };
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| malformed.clone())?;
        if !rest.is_empty() {
            return Err(malformed);
        }
        let holder =
            if parsed.is_ca() { Holder::Authority { cluster: constrained_to(&parsed) } } else { only_name(&parsed)? };
        Ok(Self {
            holder,
            serial: parsed.raw_serial().to_vec(),
            from_unix_s: parsed.validity().not_before.timestamp(),
            until_unix_s: parsed.validity().not_after.timestamp(),
        })
    }

    /// Reads every certificate of a PEM text, at least one.
    pub fn read_pem(text: &str) -> Result<Vec<Self>, ReadError> {
        pem::blocks(text, pem::CERTIFICATE)?.iter().map(|der| Self::read(der)).collect()
    }

    /// Whole days until it expires; negative once it has.
    pub fn days_left(&self, now_unix_s: i64) -> i64 {
        (self.until_unix_s - now_unix_s).div_euclid(DAY_S)
    }

    /// Whether it is valid in this second, as far as time goes.
    pub fn is_valid_at(&self, now_unix_s: i64) -> bool {
        (self.from_unix_s..=self.until_unix_s).contains(&now_unix_s)
    }
}

/// The one replica or person that a certificate names, or its addresses.
fn only_name(parsed: &X509Certificate<'_>) -> Result<Holder, ReadError> {
    let extension = parsed.subject_alternative_name();
    let extension = extension.map_err(|_| ReadError::Malformed { expected: "X.509 certificate" })?;
    let names = extension.map_or(&[][..], |extension| &extension.value.general_names);
    if let [GeneralName::DNSName(text)] = names {
        let person = || text.parse().map(Holder::Person);
        if let Ok(holder) = text.parse().map(Holder::Replica).or_else(|_| person()) {
            return Ok(holder);
        }
    }
    let addresses: Option<Vec<IpAddr>> = names.iter().map(address).collect();
    if let Some(addresses) = addresses.filter(|addresses| (1..=ADDRESSES_MAX).contains(&addresses.len())) {
        return Ok(Holder::Addresses(addresses));
    }
    let told: Vec<String> = names.iter().take(NAMES_TOLD).map(ToString::to_string).collect();
    Err(ReadError::Nameless { found: if told.is_empty() { "nobody".into() } else { told.join(", ") } })
}

fn address(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else { return None };
    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()
}

fn constrained_to(parsed: &X509Certificate<'_>) -> Option<[u8; 16]> {
    let constraints = parsed.name_constraints().ok()??;
    match constraints.value.permitted_subtrees.as_deref() {
        Some([only]) => match only.base {
            GeneralName::DNSName(domain) => cluster_of(domain),
            _ => None,
        },
        _ => None,
    }
}
