//! What devices made of a transfer's orders.

use super::grant::TransferId;
use crate::device::Ack;

/// At most so many acks in one outcome.
pub const ACKS_MAX: usize = 128;

/// What devices made of the orders of one transfer, so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which transfer.
    pub transfer: TransferId,
    /// What each device said.
    pub acks: Vec<TimedAck>,
}

/// A device's word and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedAck {
    /// What it said.
    pub ack: Ack,
    /// Microseconds from the first sending of the order to its ack.
    pub after_us: u32,
}
