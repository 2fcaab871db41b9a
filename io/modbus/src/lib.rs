//! The controller as a building's supervision reads it: a Modbus TCP server that tells how the site is, and takes nothing.
//! [`README.md`](../README.md) has the map of its registers.
//!
//! ```text
//! SCADA, PLC ──frame──► server: who, how many, how often ─► frame ─► desk ──answer──►
//!                                                                     ▲
//!            node ──newest board: every register, written already─────┘
//! ```
//!
//! Nothing that arrives here changes anything: every function but the two that read registers is refused. What is not known to
//! be true now is not told: a board that is old is answered with exception 4, save for the registers that say what the site is
//! made of and how old the board is.
//!
//! | module | subject |
//! |---|---|
//! | `frame` | a frame's header, and what a request to read asks for; no socket, no clock |
//! | `field` | how numbers become registers, and what is told of a number that nobody knows |
//! | `map`, `layout` | which register is what, and where each block of this site begins |
//! | `shown` | what is told, as the node knows it |
//! | `board` | all registers of one moment, and how long they are believed |
//! | `desk` | a request's answer |
//! | `server`, `limits` | sockets, deadlines, what is borne |
//! | `exception`, `meters` | the codes of refusals, what is counted |

#![forbid(unsafe_code)]

mod board;
mod desk;
mod exception;
mod field;
mod frame;
mod layout;
mod limits;
mod map;
mod meters;
mod server;
mod shown;

pub use board::Board;
pub use desk::Desk;
pub use exception::Exception;
pub use layout::{Counts, Layout, TooLarge};
pub use limits::Limits;
pub use server::Server;
pub use shown::{FeedShown, KesmShown, KesmState, RackShown, Shown, SiteShown, Standing};
