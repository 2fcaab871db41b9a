//! Why a configuration cannot be used: the file, and the line and field in it.

use std::fmt;
use std::path::PathBuf;

use ridethrough_core::site::Fault;

/// A configuration that cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// A file that cannot be used as a whole.
    File {
        /// Which.
        file: PathBuf,
        /// The field that names it.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// Something in the configuration file.
    Field {
        /// The configuration file.
        file: PathBuf,
        /// What is wrong in it.
        fault: Fault,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, field, reason } => write!(f, "{}: {field}: {reason}", file.display()),
            Self::Field { file, fault } => write!(f, "{}:{fault}", file.display()),
        }
    }
}

impl std::error::Error for ConfigError {}
