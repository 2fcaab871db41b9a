//! DPCN on sockets: one thread per replica owns the sockets of both networks, the sequences, the keys and the
//! retransmissions.
//!
//! ```text
//!  control thread ──ToLink ring──► link thread ◄──UDP, networks A and B──► devices
//!                 ◄──ring of acks──    │  receive ≤ 16 of each, take orders, transmit, then wait
//!                 ◄──slot per device── │
//!     any thread  ◄──word per outlet── └─ parked: woken by a socket, by a producer, or by the next deadline
//! ```
//!
//! What is believed and sent is decided in `ridethrough-protocol`; here are only the sockets, the clock, the rings and
//! the waiting. An order never crosses an async runtime: from the ring it goes to the sockets in the same turn. On that
//! way there is no lock, nothing is allocated, and the only system calls are the batches and the wait.
//!
//! | module | subject |
//! |---|---|
//! | `worker` | the thread's turn |
//! | `dialogue` | what is said with the devices, and what it means to others |
//! | `network`, `socket`, `filter` | one network's socket, its options and its batches |
//! | `outbox`, `inbox` | frames gathered for one call, and what came in meanwhile |
//! | `devices`, `timing`, `supervision` | what is known of each device and of each network |
//! | `rings`, `bell`, `latest`, `slot`, `words`, `outlets` | between the threads; `bell`, `latest`, `slot` and `outlets` are checked with loom |
//! | `realtime`, `meters` | how the thread is scheduled, what is counted |

#![forbid(unsafe_code)]

mod bell;
mod config;
mod devices;
mod dialogue;
mod filter;
mod inbox;
mod latest;
mod link;
mod message;
mod meters;
mod network;
mod outbox;
mod outlets;
mod realtime;
mod rings;
mod slot;
mod socket;
mod supervision;
mod sync;
mod timing;
mod words;
mod worker;

pub use config::{LinkConfig, SPIN, StartError, Wake};
pub use link::{Link, LinkDied};
pub use message::{FromLink, ToLink};
pub use outlets::{OutletPowers, OutletReading};
pub use realtime::{Rank, Scheduling, Urgency, claim};
pub use ridethrough_protocol::Lan;
