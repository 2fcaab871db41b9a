//! The bytes that are stored and sent. They are a contract: the domain never derives an encoding, each shape here has
//! a version in its name, and golden tests hold its bytes.
//!
//! Layout: bincode 2 in its `legacy` configuration (little-endian, fixed width, 64-bit lengths), so that one value has
//! one encoding. Stored values begin with a version byte. Decoding is safe on any input: the memory that lengths may
//! claim is limited, every byte must be used, and every number that names something is checked.

pub(crate) mod entry;
pub(crate) mod snapshot;
pub(crate) mod vote;
pub(crate) mod wire;

use std::fmt;

use bincode::error::EncodeError;
use bincode::{Decode, Encode};

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// They were written by another release.
    Version {
        /// The version found.
        found: u8,
    },
    /// They cannot be decoded at all.
    Malformed {
        /// What the decoder says.
        reason: String,
    },
    /// More bytes follow than the value has.
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A number stands for nothing.
    OutOfRange {
        /// Which field.
        what: &'static str,
        /// The number found.
        found: u64,
    },
    /// A list or a text is longer than any is ever needed.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much of it.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// The value is larger than may be stored or sent.
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found } => write!(f, "encoding version {found}, this release reads version {VERSION}"),
            Self::Malformed { reason } => write!(f, "cannot be decoded: {reason}"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes too many"),
            Self::OutOfRange { what, found } => write!(f, "{what} {found} stands for nothing"),
            Self::TooMany { what, found, max } => write!(f, "{found} {what}, at most {max} are allowed"),
            Self::TooLarge { bytes, bytes_max } => write!(f, "{bytes} bytes, at most {bytes_max} are allowed"),
        }
    }
}

impl std::error::Error for CodecError {}

/// Version 1 knew neither caps, modes, generators nor operations; a log or snapshot in it is refused. What has come to
/// version 2 since stands after what was there, so that all that was ever written in it is read; a release that does not
/// know it refuses it as malformed.
const VERSION: u8 = 2;
/// A snapshot whose log has chosen a model, as it was before snapshots told the tree over the log.
const VERSION_WITH_MODELS: u8 = 3;
/// A snapshot that tells the tree over the log. One that does not know it is written as version 2 or 3.
const VERSION_WITH_TREE: u8 = 4;

/// A snapshot with something that operators or alarms have left in the ledger. One without is written as it was before.
const VERSION_WITH_OPERATORS: u8 = 5;
/// A snapshot with locks or numbered requests. One without is written as it was before.
const VERSION_WITH_REQUESTS: u8 = 6;

/// What an entry of the log takes at the most, unless it tells much.
const STORED_BYTES_USUAL: usize = 256;

/// Encodes a value to be stored, version first.
pub(crate) fn encode_stored(value: &impl Encode) -> Result<Vec<u8>, CodecError> {
    encode_versioned(VERSION, value)
}

fn encode_versioned(version: u8, value: &impl Encode) -> Result<Vec<u8>, CodecError> {
    // A plan fits: growing by doubling would copy it five times on its way.
    let mut bytes = Vec::with_capacity(STORED_BYTES_USUAL);
    bytes.push(version);
    bincode::encode_into_std_write(value, &mut bytes, bincode::config::legacy()).map_err(encoding)?;
    Ok(bytes)
}

/// Decodes a stored value. `LIMIT` caps the bytes that it may occupy in memory.
pub(crate) fn decode_stored<T: Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => decode::<T, LIMIT>(rest),
        Some((&found, _)) => Err(CodecError::Version { found }),
        None => Err(CodecError::Malformed { reason: "no bytes".into() }),
    }
}

/// Encodes a value to be sent; the connection has agreed on the version.
pub(crate) fn encode(value: &impl Encode) -> Result<Vec<u8>, CodecError> {
    bincode::encode_to_vec(value, bincode::config::legacy()).map_err(encoding)
}

/// Decodes a sent value. `LIMIT` caps the bytes that it may occupy in memory.
pub(crate) fn decode<T: Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::legacy().with_limit::<LIMIT>();
    let decoded = bincode::decode_from_slice::<T, _>(bytes, config);
    let (value, used) = decoded.map_err(|error| CodecError::Malformed { reason: error.to_string() })?;
    if used == bytes.len() { Ok(value) } else { Err(CodecError::Trailing { bytes: bytes.len() - used }) }
}

#[allow(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn encoding(error: EncodeError) -> CodecError {
    CodecError::Malformed { reason: error.to_string() }
}

/// Decodes every element of a list.
pub(crate) fn each<V, T>(list: Vec<V>) -> Result<Vec<T>, CodecError>
where
    T: TryFrom<V, Error = CodecError>,
{
    list.into_iter().map(T::try_from).collect()
}

#[cfg(test)]
mod tests;
