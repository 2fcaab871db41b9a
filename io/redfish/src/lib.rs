//! The controller as a data center's management reads it: a Redfish service that tells how the site is, and takes nothing.
//! [`README.md`](../README.md) has the tree of its resources.
//!
//! ```text
//! DCIM, scripts ──TLS──► server: who, how many, how often ─► desk: who is it? ─► path ─► model ──answer──►
//!                                                                                          ▲
//!            node ──newest board: how every rack, module and outlet is─────────────────────┘
//! ```
//!
//! Nothing that arrives here changes anything but who is logged in: every other method than GET and HEAD is refused. What is not
//! known to be true now is not told: while a board is old, what says how the site is is answered with 503, and only what the
//! site is made of is told.
//!
//! | module | subject |
//! |---|---|
//! | `id`, `path` | how names become addresses, and which resource an address names |
//! | `tree`, `shown` | what the site is made of, and how it is, as the node knows it |
//! | `board` | how it is at one moment, and how long that is believed |
//! | `schema`, `model` | which schemas are spoken, and what is told in their words |
//! | `message` | what is said of a request that is refused |
//! | `users`, `sessions`, `doubts` | who may read, who is logged in, who was wrong about a password |
//! | `desk`, `caller` | a request's answer, and who asks |
//! | `identity` | certificate and key |
//! | `server`, `limits` | sockets, deadlines, what is borne |
//! | `meters` | what is counted |

#![forbid(unsafe_code)]

mod board;
mod caller;
mod desk;
mod doubts;
mod id;
mod identity;
mod limits;
mod message;
mod meters;
mod model;
mod path;
#[cfg(test)]
mod sample;
mod schema;
mod server;
mod sessions;
mod shown;
mod tree;
mod users;

pub use board::Board;
pub use desk::Desk;
pub use identity::{Identity, IdentityError};
pub use limits::Limits;
pub use server::Server;
pub use shown::{Device, Health, KesmShown, OutletShown, RackShown, Shown};
pub use tree::{Kesm, KesmPlace, Rack, RackPlace, Tree};
pub use users::Users;
