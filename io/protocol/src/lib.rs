//! DPCN, the protocol between the controller replicas and the field devices: frames, keys, sessions, fences, leases.
//!
//! Everything here takes bytes and `now` and gives bytes and the next deadline. There is no socket, clock, thread or
//! dice, nothing allocates once an endpoint is built, and no input makes it panic. `io/PROTOCOL.md` has the layouts
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

#![forbid(unsafe_code)]

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
mod nonce;
mod reading;
mod setpoint;
mod window;
mod wire;

pub use controller::{ControllerEndpoint, Event, LeadRefused, Leadership, Outgoing, Route, SubmitRefused, Telemetry};
pub use datagram::{Datagram, FRAME_BYTES_MAX};
pub use device::{Actuator, DeviceEndpoint, FenceMemory, Handled, StoreFailed, UnknownReplica, VolatileFence};
pub use header::{Header, Kind};
pub use keys::{DeviceKeys, ReplicaSecret, SiteSecret};
pub use nonce::{BootNonce, SessionNonce};
pub use refusal::{Malformed, Refusal, Refusals};

#[cfg(test)]
mod tests;
