//! What goes through the rings.

use ridethrough_core::device::{Ack, Order, Setpoint};
use ridethrough_core::ledger::Committed;
use ridethrough_core::units::Millis;
use ridethrough_protocol::Telemetry;

/// What the link is told.
#[derive(Clone, Copy, Debug)]
pub enum ToLink {
    /// Send this order until its device has answered.
    Order {
        /// What a majority has committed.
        order: Committed<Order>,
        /// Term of the leader that sends it, which is this replica's.
        term: u64,
        /// How long from now it may still be executed.
        valid_for: Millis,
    },
    /// This replica leads. Must be told again within `valid_for`, else beats and orders stop.
    Lead {
        /// Its term.
        term: u64,
        /// How long a device may go on without hearing from it.
        lease: Millis,
        /// How long from now this holds. Zero for silence at once, in which orders of the same term wait.
        valid_for: Millis,
    },
    /// This replica no longer leads.
    StepDown,
    /// This replica is in this term and does not lead. Devices that demand the word of two replicas are to hear it.
    Follow {
        /// The term.
        term: u64,
    },
    /// Endorse this order, in the term last told with [`Self::Follow`], until its device has acted.
    Endorse {
        /// What this replica's own log has committed.
        order: Committed<Order>,
        /// How long from now it may still be executed.
        valid_for: Millis,
    },
}

/// What the link tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromLink {
    /// Fresh telemetry of a device.
    Telemetry(Telemetry),
    /// A device's word on an order.
    Ack {
        /// What it says.
        ack: Ack,
        /// What the device does after its verdict; nothing while it follows its local safe rule.
        in_force: Option<Setpoint>,
        /// Microseconds since the link was given the order, retransmissions included; the largest number where that
        /// cannot be told, as for an order that two newer ones have superseded.
        rtt_us: u32,
        /// How often the order was sent until then; 0 where that is not known, as for one that was superseded.
        transmissions: u32,
    },
}
