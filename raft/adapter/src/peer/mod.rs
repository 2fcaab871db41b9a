//! The network between replicas: one TCP connection for each pair and direction.
//!
//! ```text
//!  openraft ──Request──► client ──► link ══frames══► server ──► openraft of the peer
//!     ▲                             │  ▲                │
//!     └───────── Answer ────────────┘  └═════frames═════┘
//! ```
//!
//! Every connection is TLS 1.3 with certificates on both sides (`tls`). A caller then introduces itself and names whom it
//! wants to reach; a replica of another cluster, or the wrong one, is refused with the reason. Requests are numbered, so many can be under way. Nothing waits without a deadline: a peer
//! that is silent is given up and called again, because TCP alone would wait for seconds after a partition has healed.

pub(crate) mod acks;
pub(crate) mod client;
pub(crate) mod doorman;
pub(crate) mod electors;
pub(crate) mod expiry;
pub(crate) mod frame;
pub(crate) mod link;
pub(crate) mod links;
pub(crate) mod person;
pub(crate) mod probe;
pub(crate) mod refusal;
pub(crate) mod server;
pub(crate) mod tls;
pub(crate) mod watch;

use std::time::Duration;

/// What every connection begins with.
pub(crate) const MAGIC: [u8; 8] = *b"RDTHPEER";
/// The version of everything that replicas say to each other.
pub(crate) const PROTOCOL_VERSION: u16 = 2;

/// A connection that is not accepted, proved and greeted within this is given up.
pub(crate) const GREETING_DEADLINE: Duration = Duration::from_millis(250);
/// A frame that the socket does not take within this ends the connection.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_millis(500);
/// How often a caller asks for a sign of life.
pub(crate) const PING_INTERVAL: Duration = Duration::from_millis(50);
/// A caller that hears nothing for this long ends the connection.
pub(crate) const SILENCE_MAX: Duration = Duration::from_millis(300);
/// A called replica that hears nothing for this long ends the connection.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(2);

const _: () = assert!(SILENCE_MAX.as_millis() > 4 * PING_INTERVAL.as_millis());
const _: () = assert!(IDLE_MAX.as_millis() > 4 * SILENCE_MAX.as_millis());
