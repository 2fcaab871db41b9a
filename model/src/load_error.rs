//! Why a model could not be loaded: each error names the file and the field.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use ridethrough_core::model::ModelFault;
use ridethrough_model_signature::Refused;

/// What is wrong with the files of a model.
#[derive(Debug)]
pub enum LoadError {
    /// There is no runtime library at the path.
    RuntimeMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No runtime is pinned for this processor.
    ArchitectureUnknown {
        /// The processor, in Rust's words.
        arch: &'static str,
    },
    /// A file could not be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than anything that belongs there.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        bytes_max: u64,
    },
    /// A file's bytes are not the expected ones: it is truncated, damaged, or another version.
    HashMismatch {
        /// The file.
        path: PathBuf,
        /// SHA-256 that is pinned, in hexadecimal.
        expected: String,
        /// SHA-256 of what was read.
        found: String,
    },
    /// The manifest is no manifest.
    ManifestSyntax {
        /// The file.
        path: PathBuf,
        /// Line, column and field, in the parser's words.
        source: serde_json::Error,
    },
    /// A field of the manifest says what this crate cannot do.
    ManifestField {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What it may say.
        expected: String,
        /// What it says.
        found: String,
    },
    /// Nobody has vouched for the manifest.
    Unsigned {
        /// The signature's file, which is not there.
        path: PathBuf,
    },
    /// Nobody who is trusted here vouches for the manifest as it is.
    Signature {
        /// The signature's file.
        path: PathBuf,
        /// Why not.
        refused: Refused,
    },
    /// The model has been overtaken: its version is below the least that may be used.
    TooOld {
        /// The signature's file, which tells the version.
        path: PathBuf,
        /// Its version.
        version: u64,
        /// The least that may be used.
        minimum: u64,
    },
    /// The runtime library could not be loaded, or is too old.
    RuntimeRefused {
        /// The library.
        path: PathBuf,
        /// The loader's words.
        message: String,
    },
    /// The runtime cannot read the model.
    ModelRefused {
        /// The model.
        path: PathBuf,
        /// The runtime's words.
        message: String,
    },
    /// An input or output of the model is not what the manifest says.
    Port {
        /// The model.
        path: PathBuf,
        /// Input or output.
        side: Side,
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: PortFault,
    },
    /// The model loaded and answers nonsense.
    SelfTest {
        /// The model.
        path: PathBuf,
        /// What it does.
        fault: SelfTestFault,
    },
}

/// The side of a model that a port is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It goes in.
    Input,
    /// It comes out.
    Output,
}

/// What is wrong with an input or output. Dimensions are -1 where any size will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortFault {
    /// The model has none of this name.
    Missing,
    /// The model has one more than it should.
    Unexpected,
    /// It is no tensor of 32-bit floats.
    Type {
        /// What it is.
        found: String,
    },
    /// Its shape differs.
    Shape {
        /// What the manifest says.
        expected: Vec<i64>,
        /// What the model says.
        found: Vec<i64>,
    },
}

/// How a model failed its first steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfTestFault {
    /// The runtime refused to run it.
    Refused {
        /// The runtime's words.
        message: String,
    },
    /// A finite input gave NaN or infinity.
    NotFinite,
    /// Its quantiles cross, or lie outside 0 to 3 limits.
    Absurd,
    /// NaN went in and a finite number came out: it would hide a broken input.
    HidesNan,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuntimeMissing { path } => {
                write!(f, "ONNX Runtime is not at {}: fetch it with `cargo xtask setup`", path.display())
            }
            Self::ArchitectureUnknown { arch } => write!(f, "no ONNX Runtime is pinned for {arch}"),
            Self::Unreadable { path, source } => write!(f, "{}: cannot be read: {source}", path.display()),
            Self::TooLarge { path, bytes_max } => write!(f, "{}: is larger than {bytes_max} bytes", path.display()),
            Self::HashMismatch { path, expected, found } => {
                write!(f, "{}: SHA-256 is {found}, expected {expected}: truncated or damaged?", path.display())
            }
            Self::ManifestSyntax { path, source } => write!(f, "{}: {source}", path.display()),
            Self::ManifestField { path, field, expected, found } => {
                write!(f, "{}: field `{field}` is {found}, expected {expected}", path.display())
            }
            Self::Unsigned { path } => write!(
                f,
                "{}: is missing, so the model is unsigned: have who released it sign it with `ridectl model sign`",
                path.display()
            ),
            Self::Signature { path, refused: refused @ Refused::UnknownKey { .. } } => {
                let advice =
                    "add the signer's public key to forecast.trusted if you trust it, or install a model of yours";
                write!(f, "{}: {refused}: {advice}", path.display())
            }
            Self::Signature { path, refused } => {
                let advice = "copy manifest and signature again from where they were released, or sign anew";
                write!(f, "{}: {refused}: {advice}", path.display())
            }
            Self::TooOld { path, version, minimum } => write!(
                f,
                "{}: version {version} is older than the minimum of {minimum}: install a newer model, or lower \
                 forecast.minimum_version if this one is meant",
                path.display()
            ),
            Self::RuntimeRefused { path, message } | Self::ModelRefused { path, message } => {
                write!(f, "{}: cannot be loaded: {message}", path.display())
            }
            Self::Port { path, side, name, fault } => write!(f, "{}: {side} `{name}` {fault}", path.display()),
            Self::SelfTest { path, fault } => write!(f, "{}: self-test: {fault}", path.display()),
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl Error for LoadError {}

impl LoadError {
    /// What kind of fault it is, for metrics and the log.
    pub const fn fault(&self) -> ModelFault {
        match self {
            Self::Unsigned { .. } => ModelFault::Unsigned,
            Self::Signature { refused: Refused::UnknownKey { .. }, .. } => ModelFault::UnknownKey,
            Self::Signature { .. } => ModelFault::BadSignature,
            Self::TooOld { .. } => ModelFault::TooOld,
            Self::Unreadable { .. } => ModelFault::Missing,
            Self::TooLarge { .. } | Self::HashMismatch { .. } => ModelFault::Damaged,
            Self::ManifestSyntax { .. } | Self::ManifestField { .. } | Self::Port { .. } => ModelFault::Shape,
            Self::RuntimeMissing { .. } | Self::ArchitectureUnknown { .. } | Self::RuntimeRefused { .. } => {
                ModelFault::Runtime
            }
            Self::ModelRefused { .. } | Self::SelfTest { .. } => ModelFault::Broken,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

impl fmt::Display for PortFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "is missing"),
            Self::Unexpected => write!(f, "is not in the manifest"),
            Self::Type { found } => write!(f, "is {found}, expected a tensor of f32"),
            Self::Shape { expected, found } => write!(f, "has shape {found:?}, expected {expected:?} (-1: any)"),
        }
    }
}

impl fmt::Display for SelfTestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { message } => write!(f, "the runtime refused to run it: {message}"),
            Self::NotFinite => write!(f, "a finite input gave NaN or infinity"),
            Self::Absurd => write!(f, "quantiles cross or lie outside 0 to 3 limits"),
            Self::HidesNan => write!(f, "NaN in gave a finite number out"),
        }
    }
}
