//! What can be wrong with a certificate or a list.

use std::fmt;

/// Why something is not read. No message holds any of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// There is no PEM block of this kind.
    NoBlock {
        /// The label that was looked for.
        label: &'static str,
    },
    /// More blocks than are read.
    TooMany {
        /// The limit.
        blocks_max: usize,
    },
    /// It is no X.509 certificate, or no list.
    Malformed {
        /// What was expected.
        expected: &'static str,
    },
    /// It is a certificate that names no replica, or more than one name.
    Nameless {
        /// The names that are in it, at most the first few.
        found: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBlock { label } => write!(f, "holds no PEM block `{label}`"),
            Self::TooMany { blocks_max } => write!(f, "holds more than {blocks_max} PEM blocks"),
            Self::Malformed { expected } => write!(f, "is no {expected}"),
            Self::Nameless { found } => {
                write!(f, "names {found}; expected one name of the form replica-N.cluster-HEX and no other")
            }
        }
    }
}

impl std::error::Error for ReadError {}
