//! The controller as a network's management knows it: an SNMP agent that answers as a UPS (UPS-MIB, RFC 1628) and takes nothing.
//! [`README.md`](../README.md) has its objects.
//!
//! ```text
//! manager ──datagram──► server: how large, how often ─► desk ─► version 2c: community │ version 3: usm ─► operation
//!                                                                                                          ▲
//!      node ──newest board: what is true of the site and of each rack─────────────────────────────────────┘
//! ```
//!
//! Nothing that arrives here changes anything. Who is not known gets nothing but what a manager needs to find the engine (RFC 3414).
//! What is not known to be true now is not told: a board that is old leaves of a UPS that its state is unknown and that it is not
//! heard, which are objects of their own.
//!
//! | module | subject |
//! |---|---|
//! | `shown` | what is told, as the node knows it |
//! | `board` | which UPSes there are, what is true of each, how long that is believed |
//! | `mib` | which object is what, and what it is worth now |
//! | `tree` | all objects of one UPS in their order: one, the next |
//! | `operation` | what GET, GETNEXT, GETBULK and SET are answered with (RFC 3416) |
//! | `secrets` | the operator's file: who may ask |
//! | `usm` | who asks by version 3, and how the answer is signed and encrypted (RFC 3414, 3826, 7860) |
//! | `engine` | what version 3 knows this agent by, kept over restarts |
//! | `desk` | a datagram's answer; no socket, no clock |
//! | `server`, `limits`, `pace` | the socket, what is borne |
//! | `meters` | what is counted |

#![forbid(unsafe_code)]

mod board;
mod desk;
mod engine;
mod limits;
#[cfg(test)]
mod manager;
mod meters;
mod mib;
mod operation;
mod pace;
mod secrets;
mod server;
mod shown;
mod tree;
mod usm;

pub use board::{Board, Fleet, FleetError, Ups};
pub use desk::{Agent, Desk};
pub use engine::{Engine, EngineError};
pub use limits::Limits;
pub use secrets::Secrets;
pub use server::Server;
pub use shown::{AlarmShown, Source, UpsShown, WellKnown};
