//! A setpoint, or none, in 32 bytes: kind, way, 6 reserved, three quantities.

use ridethrough_vocabulary::device::{DeviceId, Direction, GeneratorDuty, Setpoint};
use ridethrough_vocabulary::units::Watts;

use crate::refusal::Malformed;
use crate::wire::{Reader, Writer};

const NONE: u8 = 0;
const KESM: u8 = 1;
const TIE: u8 = 2;
const PDU: u8 = 3;
const SUPPLY: u8 = 4;

const FORWARD: u8 = 1;
const BACKWARD: u8 = 2;

const AUTO: u8 = 1;
const RUN: u8 = 2;

/// Whether a device of this kind could carry the setpoint out.
pub(crate) const fn fits(setpoint: &Setpoint, device: DeviceId) -> bool {
    matches!(
        (setpoint, device),
        (Setpoint::Kesm { .. }, DeviceId::Kesm(_))
            | (Setpoint::Tie { .. }, DeviceId::Tie(_))
            | (Setpoint::Pdu { .. }, DeviceId::Pdu(_))
            | (Setpoint::Supply { .. }, DeviceId::Supply(_))
    )
}

pub(crate) fn write(setpoint: Option<&Setpoint>, writer: &mut Writer<'_>) {
    let (kind, way, [a, b, c]) = match setpoint {
        None => (NONE, 0, [Watts::ZERO; 3]),
        Some(&Setpoint::Kesm { supply_max, charge_max, hold }) => (KESM, 0, [supply_max, charge_max, hold]),
        Some(&Setpoint::Tie { direction, flow_max, hold }) => {
            (TIE, direction_to_wire(direction), [flow_max, hold, Watts::ZERO])
        }
        Some(&Setpoint::Pdu { cap, keep_tiers }) => (PDU, keep_tiers, [cap, Watts::ZERO, Watts::ZERO]),
        Some(&Setpoint::Supply { generator }) => (SUPPLY, duty_to_wire(generator), [Watts::ZERO; 3]),
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
    let quantities = [Watts::new(reader.i64()?), Watts::new(reader.i64()?), Watts::new(reader.i64()?)];
    match (kind, way, quantities) {
        (NONE, 0, [Watts::ZERO, Watts::ZERO, Watts::ZERO]) => Ok(None),
        (KESM, 0, [supply_max, charge_max, hold]) => Ok(Some(Setpoint::Kesm { supply_max, charge_max, hold })),
        (TIE, way, [flow_max, hold, Watts::ZERO]) => {
            Ok(Some(Setpoint::Tie { direction: direction_from_wire(way)?, flow_max, hold }))
        }
        (PDU, keep_tiers, [cap, Watts::ZERO, Watts::ZERO]) => Ok(Some(Setpoint::Pdu { cap, keep_tiers })),
        (SUPPLY, way, [Watts::ZERO, Watts::ZERO, Watts::ZERO]) => {
            Ok(Some(Setpoint::Supply { generator: duty_from_wire(way)? }))
        }
        _ => Err(Malformed::Field),
    }
}

const fn direction_to_wire(direction: Direction) -> u8 {
    match direction {
        Direction::Forward => FORWARD,
        Direction::Backward => BACKWARD,
    }
}

const fn direction_from_wire(wire: u8) -> Result<Direction, Malformed> {
    match wire {
        FORWARD => Ok(Direction::Forward),
        BACKWARD => Ok(Direction::Backward),
        _ => Err(Malformed::Field),
    }
}

const fn duty_to_wire(duty: GeneratorDuty) -> u8 {
    match duty {
        GeneratorDuty::Auto => AUTO,
        GeneratorDuty::Run => RUN,
    }
}

const fn duty_from_wire(wire: u8) -> Result<GeneratorDuty, Malformed> {
    match wire {
        AUTO => Ok(GeneratorDuty::Auto),
        RUN => Ok(GeneratorDuty::Run),
        _ => Err(Malformed::Field),
    }
}
