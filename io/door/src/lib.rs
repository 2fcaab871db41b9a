//! What every server for others begins with: an address that is bound before anything starts, callers that come in one by one,
//! and places for so many of them.

mod listen;
mod places;

pub use listen::{CannotListen, Door};
pub use places::{Full, Place, Places};
