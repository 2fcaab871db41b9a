//! What a device is told, after its own check: a device refuses what is outside its limits, whoever commands it.

use ridethrough_core::device::{DeviceId, Direction, GeneratorDuty, Setpoint, Verdict};
use ridethrough_core::envelope;
use ridethrough_core::site::Site;
use ridethrough_core::units::Watts;

use super::real;

/// Ceilings for a module, in W.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KesmOrder {
    /// At most so much is given to the bus.
    pub supply_max_watts: f64,
    /// At most so much is taken from the bus.
    pub charge_max_watts: f64,
    /// The rack's own draw above which supply begins and up to which charging fills.
    pub hold_watts: f64,
}

/// Ceilings for a tie, in W.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TieOrder {
    /// Where the power goes.
    pub direction: Direction,
    /// At most so much leaves the source bus.
    pub flow_max_watts: f64,
    /// The receiving rack's draw above which the tie begins to give.
    pub hold_watts: f64,
}

/// What the servers of a rack may take together, and which of them are to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PduOrder {
    /// At most so much together; in the integers of the function that shares it out.
    pub cap: Watts,
    /// Servers of a higher tier shut down.
    pub keep_tiers: u8,
}

/// A setpoint that fits its device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accepted {
    /// For the module with this index.
    Kesm(usize, KesmOrder),
    /// For the tie with this index.
    Tie(usize, TieOrder),
    /// For the PDU of the rack with this index.
    Pdu(usize, PduOrder),
    /// For the supply of the feed with this index.
    Supply(usize, GeneratorDuty),
}

/// Checks a setpoint against the device's own limits, by the function that the controller judges itself by.
pub fn check(site: &Site, device: DeviceId, setpoint: &Setpoint) -> Result<Accepted, Verdict> {
    if !envelope::device::admits(site, device, setpoint) {
        return Err(Verdict::BeyondLimits);
    }
    match (device, *setpoint) {
        (DeviceId::Kesm(id), Setpoint::Kesm { supply_max, charge_max, hold }) => Ok(Accepted::Kesm(
            id.index(),
            KesmOrder {
                supply_max_watts: real(supply_max.get()),
                charge_max_watts: real(charge_max.get()),
                hold_watts: real(hold.get()),
            },
        )),
        (DeviceId::Tie(id), Setpoint::Tie { direction, flow_max, hold }) => Ok(Accepted::Tie(
            id.index(),
            TieOrder { direction, flow_max_watts: real(flow_max.get()), hold_watts: real(hold.get()) },
        )),
        (DeviceId::Pdu(id), Setpoint::Pdu { cap, keep_tiers }) => {
            Ok(Accepted::Pdu(id.index(), PduOrder { cap, keep_tiers }))
        }
        (DeviceId::Supply(id), Setpoint::Supply { generator }) => Ok(Accepted::Supply(id.index(), generator)),
        _ => Err(Verdict::BeyondLimits),
    }
}
