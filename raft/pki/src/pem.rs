//! PEM blocks of one kind in a text.

use x509_parser::pem::Pem;

use crate::error::ReadError;

pub(crate) const CERTIFICATE: &str = "CERTIFICATE";
pub(crate) const REVOKED: &str = "X509 CRL";
/// Most blocks of a text that are read.
const BLOCKS_MAX: usize = 16;

/// The contents of all blocks with this label, at least one.
pub(crate) fn blocks(text: &str, label: &'static str) -> Result<Vec<Vec<u8>>, ReadError> {
    let mut found = Vec::new();
    for block in Pem::iter_from_buffer(text.as_bytes()).take(BLOCKS_MAX + 1) {
        found.push(block.map_err(|_| ReadError::Malformed { expected: "PEM" })?);
    }
    if found.len() > BLOCKS_MAX {
        return Err(ReadError::TooMany { blocks_max: BLOCKS_MAX });
    }
    let wanted: Vec<_> = found.into_iter().filter(|block| block.label == label).map(|block| block.contents).collect();
    if wanted.is_empty() { Err(ReadError::NoBlock { label }) } else { Ok(wanted) }
}
