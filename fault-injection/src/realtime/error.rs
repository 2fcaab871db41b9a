//! Why a plant cannot run in real time.

use std::fmt;
use std::io;
use std::path::PathBuf;

use ridethrough_protocol::limits::REPLICAS_MAX;

use crate::field::FenceFileError;

/// Why a plant cannot run in real time.
#[derive(Debug)]
pub enum RealtimeError {
    /// Something with sockets failed.
    Socket(io::Error),
    /// A folder or a record cannot be written.
    Record {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A fence memory cannot be used.
    Fence(FenceFileError),
    /// The system gives no random bits.
    Random,
    /// The world lacks a device that its site names.
    NoSuchDevice,
    /// There are no replicas, or too many.
    Replicas(usize),
    /// Not every replica has an address on the second network.
    SecondNetwork {
        /// Replicas on the first.
        first: usize,
        /// Replicas on the second.
        second: usize,
    },
}

impl fmt::Display for RealtimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => write!(f, "a socket of the plant failed: {error}"),
            Self::Record { folder, error } => write!(f, "cannot write records in {}: {error}", folder.display()),
            Self::Fence(error) => error.fmt(f),
            Self::NoSuchDevice => f.write_str("the world lacks a device of its site"),
            Self::Random => f.write_str("the system gives no random bits"),
            Self::Replicas(count) => write!(f, "{count} replicas, expected 1 to {REPLICAS_MAX}"),
            Self::SecondNetwork { first, second } => {
                write!(f, "{second} replicas on the second network and {first} on the first, expected the same or none")
            }
        }
    }
}

impl std::error::Error for RealtimeError {}

pub(super) fn record_failed(error: io::Error) -> RealtimeError {
    RealtimeError::Record { folder: PathBuf::from("the records folder"), error }
}
