//! The models that the forecast may be made with, by name: which one decides, which one is tried beside it, and which one
//! to go back to. What a model computes is no concern of the core.

use std::fmt;

/// A model's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId {
    /// SHA-256 of its file.
    pub sha256: [u8; 32],
    /// The number that its signer gave it.
    pub version: u64,
}

/// Why a replica does not use a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModelFault {
    /// Nobody vouches for it.
    Unsigned,
    /// Who vouches for it is not trusted.
    UnknownKey,
    /// It is not what was signed.
    BadSignature,
    /// Its file is not what the manifest says.
    Damaged,
    /// It is of another shape.
    Shape,
    /// Its version is below the least that may be used.
    TooOld,
    /// A file is not there or cannot be read.
    Missing,
    /// There is no runtime for it.
    Runtime,
    /// The runtime cannot run it, or it fails its self-test.
    Broken,
}

impl ModelId {
    /// The first bytes of its hash: its name in a forecast.
    pub fn hash8(&self) -> [u8; 8] {
        let mut first = [0; 8];
        first.copy_from_slice(&self.sha256[..8]);
        first
    }
}

/// As in a forecast's source, with the version: `8bae15f5 version 3`.
impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sha256[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " version {}", self.version)
    }
}

impl ModelFault {
    /// Every fault there is.
    pub const ALL: [Self; 9] = [
        Self::Unsigned,
        Self::UnknownKey,
        Self::BadSignature,
        Self::Damaged,
        Self::Shape,
        Self::TooOld,
        Self::Missing,
        Self::Runtime,
        Self::Broken,
    ];

    /// The fault as metrics and people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::UnknownKey => "unknown key",
            Self::BadSignature => "bad signature",
            Self::Damaged => "damaged",
            Self::Shape => "another shape",
            Self::TooOld => "older than the minimum",
            Self::Missing => "missing",
            Self::Runtime => "no runtime",
            Self::Broken => "broken",
        }
    }
}
