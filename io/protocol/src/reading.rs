//! A reading in 32 bytes: kind, flag, permille, speed, three quantities.

use ridethrough_core::device::{DeviceId, Reading};
use ridethrough_core::units::{Joules, Millivolts, Watts};

use crate::refusal::Malformed;
use crate::wire::{Reader, Writer};

const PDU: u8 = 1;
const KESM: u8 = 2;
const TIE: u8 = 3;

/// Whether a device of this kind can have measured it.
pub(crate) const fn fits(reading: &Reading, device: DeviceId) -> bool {
    matches!(
        (reading, device),
        (Reading::Pdu { .. }, DeviceId::Pdu(_))
            | (Reading::Kesm { .. }, DeviceId::Kesm(_))
            | (Reading::Tie { .. }, DeviceId::Tie(_))
    )
}

/// The fields as they lie on the wire; each kind of reading leaves those at zero that it does not have.
struct Fields {
    kind: u8,
    flag: u8,
    permille: u16,
    speed_rpm: u32,
    quantities: [i64; 3],
}

pub(crate) fn write(reading: &Reading, writer: &mut Writer<'_>) {
    let fields = Fields::of(reading);
    writer.u8(fields.kind);
    writer.u8(fields.flag);
    writer.u16(fields.permille);
    writer.u32(fields.speed_rpm);
    for quantity in fields.quantities {
        writer.i64(quantity);
    }
}

pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Reading, Malformed> {
    let (kind, flag, permille, speed_rpm) = (reader.u8()?, reader.u8()?, reader.u16()?, reader.u32()?);
    let quantities = [reader.i64()?, reader.i64()?, reader.i64()?];
    Fields { kind, flag, permille, speed_rpm, quantities }.reading()
}

impl Fields {
    fn of(reading: &Reading) -> Self {
        match *reading {
            Reading::Pdu { load, draw, bus, breaker_permille, tripped } => Self {
                kind: PDU,
                flag: tripped.into(),
                permille: breaker_permille,
                speed_rpm: 0,
                quantities: [load.get(), draw.get(), bus.get()],
            },
            Reading::Kesm { stored, supply, speed_rpm, capacitor, available } => Self {
                kind: KESM,
                flag: available.into(),
                permille: 0,
                speed_rpm,
                quantities: [stored.get(), supply.get(), capacitor.get()],
            },
            Reading::Tie { flow, available } => {
                Self { kind: TIE, flag: available.into(), permille: 0, speed_rpm: 0, quantities: [flow.get(), 0, 0] }
            }
        }
    }

    fn reading(&self) -> Result<Reading, Malformed> {
        let flag = match self.flag {
            0 => false,
            1 => true,
            _ => return Err(Malformed::Field),
        };
        let [a, b, c] = self.quantities;
        match (self.kind, self.permille, self.speed_rpm) {
            (PDU, breaker_permille, 0) => Ok(Reading::Pdu {
                load: Watts::new(a),
                draw: Watts::new(b),
                bus: Millivolts::new(c),
                breaker_permille,
                tripped: flag,
            }),
            (KESM, 0, speed_rpm) => Ok(Reading::Kesm {
                stored: Joules::new(a),
                supply: Watts::new(b),
                speed_rpm,
                capacitor: Millivolts::new(c),
                available: flag,
            }),
            (TIE, 0, 0) if b == 0 && c == 0 => Ok(Reading::Tie { flow: Watts::new(a), available: flag }),
            _ => Err(Malformed::Field),
        }
    }
}
