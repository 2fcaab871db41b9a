//! The controller as every server knows it: a NUT server (`upsd`; RFC 9271), so that an unchanged `upsmon` shuts its host down
//! when its tier has to go. [`README.md`](../README.md) says what a UPS stands for and what hosts are told when.
//!
//! ```text
//! upsmon, upsc ──line──► server: who, how many, how often ─► words ─► command ─► session ──answer──►
//!                                                                                  ▲
//!                      node ──newest board: what is true of every UPS──────────────┘
//! ```
//!
//! Nothing that arrives here changes anything: there is no variable to set and no command to give, and a forced shutdown is
//! the ledger's to decide. What is not known to be true now is not said: a board that is old is answered with `DATA-STALE`.
//!
//! | module | subject |
//! |---|---|
//! | `words`, `command` | a line, and what it asks for |
//! | `fleet` | which UPSes there are, and what is true of them now |
//! | `variables` | what that is called |
//! | `users` | who may log in |
//! | `session` | one connection's questions and answers; no socket, no clock |
//! | `server` | sockets, limits and deadlines |
//! | `fault`, `limits`, `meters` | the codes of refusals, what is borne, what is counted |

#![forbid(unsafe_code)]

mod command;
mod fault;
mod fleet;
mod limits;
mod logins;
mod meters;
mod server;
mod session;
mod users;
mod variables;
mod words;

pub use command::Command;
pub use fault::Fault;
pub use fleet::{Board, Fleet, FleetError, Flow, Power, Ups, UpsView};
pub use limits::Limits;
pub use server::Server;
pub use session::{Answer, Desk, Session};
pub use users::{Role, Users};
