//! What a device is told, after its own check: a device refuses what is outside its limits, whoever commands it.

use ridethrough_core::device::{DeviceId, Direction, Setpoint, Verdict};
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

/// A setpoint that fits its device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accepted {
    /// For the module with this index.
    Kesm(usize, KesmOrder),
    /// For the tie with this index.
    Tie(usize, TieOrder),
}

/// Checks a setpoint against the device's own limits.
pub fn check(site: &Site, device: DeviceId, setpoint: &Setpoint) -> Result<Accepted, Verdict> {
    match (device, setpoint) {
        (DeviceId::Kesm(id), Setpoint::Kesm { supply_max, charge_max, hold }) => {
            let kesm = site.kesms.get(id.index()).ok_or(Verdict::BeyondLimits)?;
            Ok(Accepted::Kesm(
                id.index(),
                KesmOrder {
                    supply_max_watts: within(*supply_max, kesm.rated)?,
                    charge_max_watts: within(*charge_max, kesm.charge_rated)?,
                    hold_watts: within(*hold, site.rack(kesm.rack).limit)?,
                },
            ))
        }
        (DeviceId::Tie(id), Setpoint::Tie { direction, flow_max, hold }) => {
            let tie = site.ties.get(id.index()).ok_or(Verdict::BeyondLimits)?;
            let sink = site.rack(tie.sink(*direction));
            Ok(Accepted::Tie(
                id.index(),
                TieOrder {
                    direction: *direction,
                    flow_max_watts: within(*flow_max, tie.rated)?,
                    hold_watts: within(*hold, sink.limit)?,
                },
            ))
        }
        _ => Err(Verdict::BeyondLimits),
    }
}

fn within(value: Watts, max: Watts) -> Result<f64, Verdict> {
    if value < Watts::ZERO || value > max { Err(Verdict::BeyondLimits) } else { Ok(real(value.get())) }
}
