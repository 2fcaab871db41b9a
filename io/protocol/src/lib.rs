//! DPCN, the protocol between the controller replicas and the field devices: frames, keys, sessions, fences, leases.
//!
//! Everything here takes bytes and `now` and gives bytes and the next deadline. There is no socket, clock, thread or
//! dice, nothing allocates once an endpoint is built, and no input makes it panic. Without the feature `controller` the
//! crate is the device's half alone, for firmware: no `std`, and nothing allocates at all. `io/PROTOCOL.md` has the layouts
//! to the byte and the reasons behind every rule.
//!
//! ```text
//!   ControllerEndpoint (one per replica)                      DeviceEndpoint (one per device)
//!   submit(Committed<Order>) ─► outstanding ─poll─► Order ──► handle: fence, expiry, lease, limits ─► Actuator
//!   lead(term, lease) ──────────────────────poll─► Beat ────► handle: session, lease
//!   observe ─► Event ◄──────────────────────────── Ack, Telemetry
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`controller`] | the replica's half: sessions with every device, outstanding orders, retransmission |
//! | [`device`] | the device's half: what it accepts, when it falls back to its local safe rule |
//! | [`keys`] | who shares which key with whom |
//! | [`header`] | what can be known of a frame before its MAC is checked |
//! | [`refusal`] | why a frame was not believed, and how often |

#![cfg_attr(not(any(feature = "controller", test)), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "controller")]
pub mod controller;
pub mod device;
pub mod header;
pub mod keys;
pub mod limits;
pub mod refusal;

mod body;
mod budget;
mod datagram;
mod frame;
mod network;
mod nonce;
mod outlets;
mod reading;
mod recent;
mod setpoint;
#[cfg(feature = "controller")]
mod window;
mod wire;

#[cfg(feature = "controller")]
pub use controller::{ControllerEndpoint, Event, LeadRefused, Leadership, Outgoing, Route, SubmitRefused, Telemetry};
pub use datagram::{DATAGRAM_BYTES_MAX, Datagram, FRAME_BYTES_MAX, Frames, frames};
pub use device::{
    Actuator, DeviceEndpoint, FenceMemory, Handled, JudgedOrder, NotSaid, Orders, StoreFailed, UnknownReplica,
    VolatileFence,
};
#[cfg(fuzzing)]
pub use frame::rewritten;
pub use header::{Header, Kind, Version};
pub use keys::{DeviceKeys, EpochsClash, KeyEpoch, Keyring, KeyringError, ReplicaKeys, SiteSecret};
pub use network::Lan;
pub use nonce::{BootNonce, SessionNonce};
pub use outlets::{OUTLETS_MAX, OUTLETS_PER_FRAME, Outlet, OutletPage, PageRefused};
pub use refusal::{Malformed, Refusal, Refusals};

#[cfg(all(test, feature = "controller"))]
mod tests;
