//! What a list of revoked certificates says.

use x509_parser::prelude::{CertificateRevocationList, FromDer};

use crate::error::ReadError;
use crate::pem;

/// A list of revoked certificates (CRL). Who signed it is not checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// When it was made, Unix seconds.
    pub made_unix_s: i64,
    /// Serial number and time of each revocation, Unix seconds.
    pub entries: Vec<(Vec<u8>, i64)>,
}

impl Revoked {
    /// Reads a DER list.
    pub fn read(der: &[u8]) -> Result<Self, ReadError> {
        Ok(Self::of(&parse(der)?))
    }

    /// Reads the only list of a PEM text.
    pub fn read_pem(text: &str) -> Result<Self, ReadError> {
        Self::read(&only_block(text)?)
    }

    /// Whether the certificate with this serial number is on it.
    pub fn holds(&self, serial: &[u8]) -> bool {
        self.entries.iter().any(|(revoked, _)| significant(revoked) == significant(serial))
    }

    pub(crate) fn of(list: &CertificateRevocationList<'_>) -> Self {
        let entries = list.iter_revoked_certificates();
        Self {
            made_unix_s: list.last_update().timestamp(),
            entries: entries.map(|one| (one.raw_serial().to_vec(), one.revocation_date.timestamp())).collect(),
        }
    }
}

pub(crate) fn only_block(text: &str) -> Result<Vec<u8>, ReadError> {
    let mut blocks = pem::blocks(text, pem::REVOKED)?;
    if blocks.len() > 1 {
        return Err(ReadError::TooMany { blocks_max: 1 });
    }
    blocks.pop().ok_or(ReadError::NoBlock { label: pem::REVOKED })
}

pub(crate) fn parse(der: &[u8]) -> Result<CertificateRevocationList<'_>, ReadError> {
    match CertificateRevocationList::from_der(der) {
        Ok(([], list)) => Ok(list),
        _ => Err(ReadError::Malformed { expected: "list of revoked certificates" }),
    }
}

/// DER puts a zero before a number that would look negative.
fn significant(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|&&byte| byte == 0).count();
    &serial[zeros..]
}
