//! Field devices: the plant's ends of DPCN, without sockets.
//!
//! A [`FieldDevice`] joins one device of the [`World`](crate::plant::World) to its protocol endpoint, its own clock,
//! its fence memory and its own record of what it did. The same code serves UDP in real time and simulation in
//! process.

mod actuator;
mod device;
mod fence_file;
mod misled;
mod outlets;
mod record;

pub use device::{FieldDevice, Reply};
pub use fence_file::{FenceFile, FenceFileError};
pub use misled::Misled;
pub use record::{Act, Record, RecordFile, SetpointRecord};
