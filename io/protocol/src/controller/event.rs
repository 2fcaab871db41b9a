//! What a replica learns from one datagram.

use ridethrough_core::device::{Ack, DeviceId, Fence, Reading, Setpoint};
use ridethrough_core::site::RackId;
use ridethrough_core::units::Millis;

use crate::outlets::OutletPage;
use crate::refusal::{Refusal, Refusals};

/// What one datagram meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device that has no session with this life of the replica yet. Nothing it says is news; the next
    /// [`poll`](super::ControllerEndpoint::poll) offers it one.
    Greeting {
        /// Who greets.
        device: DeviceId,
    },
    /// Fresh telemetry.
    Telemetry(Telemetry),
    /// What some outlets of a rack's PDU feed, fresh.
    Outlets {
        /// Whose PDU speaks.
        rack: RackId,
        /// What it says.
        page: OutletPage,
    },
    /// A device's word on an order, told once.
    Ack {
        /// What it says.
        ack: Ack,
        /// What the device does after its verdict; nothing while it follows its local safe rule.
        in_force: Option<Setpoint>,
        /// How often the order was sent, if it was outstanding; zero for word on a superseded one.
        transmissions: u32,
    },
    /// What was believed before: the second copy, of the other network.
    Copy {
        /// Whose.
        device: DeviceId,
    },
    /// Not believed.
    Rejected(Refusal),
}

/// What a device measures and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Who speaks.
    pub device: DeviceId,
    /// What it measures.
    pub reading: Reading,
    /// The setpoint in force; nothing while the device follows its local safe rule.
    pub in_force: Option<Setpoint>,
    /// The fence of the last order that it accepted.
    pub fence: Fence,
    /// How long its lease still lasted when it spoke.
    pub lease_remaining: Millis,
    /// Its own monotonic clock when it spoke.
    pub device_at: Millis,
    /// What it has refused since it booted.
    pub counters: Refusals,
    /// Frames that it heard on each network since it booted, first and second copies.
    pub heard: [u32; 2],
}
