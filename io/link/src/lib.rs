//! DPCN on sockets: one thread per replica owns the UDP socket, the sequences, the keys and the retransmissions.
//!
//! ```text
//!  control thread ──ToLink ring──► link thread ◄──UDP──► devices
//!                 ◄─FromLink rings─    │  receive ≤ 32, take orders, transmit, then wait
//!                                      └─ parked: woken by the socket, by a producer, or by the next deadline
//! ```
//!
//! What is believed and sent is decided in `ridethrough-protocol`; here are only the socket, the clock, the rings and
//! the waiting. An order never crosses an async runtime: from the ring it goes to the socket in the same turn.

#![forbid(unsafe_code)]

mod addresses;
mod config;
mod link;
mod message;
mod meters;
mod rings;
mod socket;
mod timing;
mod worker;

pub use config::{LinkConfig, StartError};
pub use link::{Link, LinkDied};
pub use message::{FromLink, ToLink};
