//! What operators may do, and what they are told when they may not.
//!
//! Every operation meets the same [`check`], before it is proposed and again when the ledger applies it. A transfer that is
//! asked for has to be found first, and is judged by the [envelope](crate::envelope) besides.

mod interlock;
mod transfer;

pub use interlock::{SHED_MAX, check};
pub use transfer::{Denied, TransferRequest, propose_transfer};
