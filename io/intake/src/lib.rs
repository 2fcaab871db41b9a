//! Data in: what servers do, as any Prometheus, agent or collector tells it by remote-write, version 1.0 or 2.0.
//!
//! ```text
//! POST /api/v1/write ─► server: who, how much, how often ─► snappy ─► wire: series, borrowed from the message
//!                                                                        │
//!   control thread ◄── signals: one word per part and signal ◄── book ◄── mapping: which series is which signal of whom
//! ```
//!
//! Nothing that arrives here decides anything by itself: a signal is a hint for the forecast, and the forecast is never
//! trusted (I8). What is refused is counted with its reason; what is not mapped is ignored and counted, which is normal.
//!
//! | module | subject |
//! |---|---|
//! | `wire` | both messages, read where they lie; limits are met before anything is allocated |
//! | `mapping` | the operator's file: which series is which signal of which server or rack |
//! | `book` | what the last samples of every series were: order, age, rates, sums |
//! | `signals` | what others read, without a lock |
//! | `intake` | one request from its compressed bytes to the tally of its samples; no socket, no clock |
//! | `server`, `negotiation`, `token`, `rate` | HTTP, and who may speak how often |
//! | `limits`, `tally`, `meters` | what is borne, what became of it, what is counted |

#![forbid(unsafe_code)]

mod book;
mod intake;
mod limits;
mod mapping;
mod meters;
mod negotiation;
mod rate;
mod server;
mod signals;
mod tally;
mod token;
mod wire;

pub use intake::{Intake, Now, Refused};
pub use limits::{LimitFault, Limits};
pub use mapping::{Kind, Mapping, MappingError};
pub use server::Server;
pub use signals::{Part, Reading, Signal, Signals};
pub use tally::{Fate, Tally};
pub use token::{Token, TokenError};
pub use wire::{Message, WireError};
