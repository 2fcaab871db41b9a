//! A setpoint, or none, in 32 bytes: kind, direction, 6 reserved, three quantities.

use ridethrough_core::device::{DeviceId, Direction, Setpoint};
use ridethrough_core::units::Watts;

use crate::refusal::Malformed;
use crate::wire::{Reader, Writer};

const NONE: u8 = 0;
const KESM: u8 = 1;
const TIE: u8 = 2;

const FORWARD: u8 = 1;
const BACKWARD: u8 = 2;

/// Whether a device of this kind could carry the setpoint out.
pub(crate) const fn fits(setpoint: &Setpoint, device: DeviceId) -> bool {
    matches!((setpoint, device), (Setpoint::Kesm { .. }, DeviceId::Kesm(_)) | (Setpoint::Tie { .. }, DeviceId::Tie(_)))
}

pub(crate) fn write(setpoint: Option<&Setpoint>, writer: &mut Writer<'_>) {
    let (kind, way, [a, b, c]) = match setpoint {
        None => (NONE, 0, [Watts::ZERO; 3]),
        Some(&Setpoint::Kesm { supply_max, charge_max, hold }) => (KESM, 0, [supply_max, charge_max, hold]),
        Some(&Setpoint::Tie { direction: Direction::Forward, flow_max, hold }) => {
            (TIE, FORWARD, [flow_max, hold, Watts::ZERO])
        }
        Some(&Setpoint::Tie { direction: Direction::Backward, flow_max, hold }) => {
            (TIE, BACKWARD, [flow_max, hold, Watts::ZERO])
        }
    };
    writer.u8(kind);
    writer.u8(way);
    writer.reserved::<6>();
    for watts in [a, b, c] {
        writer.i64(watts.get());
    }
}

pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<Setpoint>, Malformed> {
    let (kind, way) = (reader.u8()?, reader.u8()?);
    reader.reserved::<6>()?;
    let [a, b, c] = [Watts::new(reader.i64()?), Watts::new(reader.i64()?), Watts::new(reader.i64()?)];
    match (kind, way, c) {
        (NONE, 0, Watts::ZERO) if a == Watts::ZERO && b == Watts::ZERO => Ok(None),
        (KESM, 0, hold) => Ok(Some(Setpoint::Kesm { supply_max: a, charge_max: b, hold })),
        (TIE, FORWARD, Watts::ZERO) => Ok(Some(tie(Direction::Forward, a, b))),
        (TIE, BACKWARD, Watts::ZERO) => Ok(Some(tie(Direction::Backward, a, b))),
        _ => Err(Malformed::Field),
    }
}

const fn tie(direction: Direction, flow_max: Watts, hold: Watts) -> Setpoint {
    Setpoint::Tie { direction, flow_max, hold }
}
