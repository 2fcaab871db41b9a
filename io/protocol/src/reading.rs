//! A reading in 32 bytes: kind, flag, permille, speed or what a supply does, three quantities.

use ridethrough_vocabulary::device::{GeneratorPhase, Reading, SupplySource};
use ridethrough_vocabulary::units::{Joules, Millivolts, Watts};

use crate::refusal::Malformed;
use crate::wire::{Reader, Writer};

const PDU: u8 = 1;
const KESM: u8 = 2;
const TIE: u8 = 3;
const SUPPLY: u8 = 4;

/// Whether a device of this kind can have measured it.
#[cfg(feature = "controller")]
pub(crate) const fn fits(reading: &Reading, device: ridethrough_vocabulary::device::DeviceId) -> bool {
    use ridethrough_vocabulary::device::DeviceId;
    matches!(
        (reading, device),
        (Reading::Pdu { .. }, DeviceId::Pdu(_))
            | (Reading::Kesm { .. }, DeviceId::Kesm(_))
            | (Reading::Tie { .. }, DeviceId::Tie(_))
            | (Reading::Supply { .. }, DeviceId::Supply(_))
    )
}

/// The fields as they lie on the wire; each kind of reading leaves those at zero that it does not have.
struct Fields {
    kind: u8,
    /// A yes or no; of a supply, what its transfer switch is on.
    flag: u8,
    permille: u16,
    /// A module's speed; of a supply, the other utility in the low half and the generator in the byte above it.
    wide: u32,
    quantities: [i64; 3],
}

pub(crate) fn write(reading: &Reading, writer: &mut Writer<'_>) {
    let fields = Fields::of(reading);
    writer.u8(fields.kind);
    writer.u8(fields.flag);
    writer.u16(fields.permille);
    writer.u32(fields.wide);
    for quantity in fields.quantities {
        writer.i64(quantity);
    }
}

pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Reading, Malformed> {
    let (kind, flag, permille, wide) = (reader.u8()?, reader.u8()?, reader.u16()?, reader.u32()?);
    let quantities = [reader.i64()?, reader.i64()?, reader.i64()?];
    Fields { kind, flag, permille, wide, quantities }.reading()
}

impl Fields {
    fn of(reading: &Reading) -> Self {
        match *reading {
            Reading::Pdu { load, draw, bus, breaker_permille, tripped } => Self {
                kind: PDU,
                flag: tripped.into(),
                permille: breaker_permille,
                wide: 0,
                quantities: [load.get(), draw.get(), bus.get()],
            },
            Reading::Kesm { stored, supply, speed_rpm, capacitor, available } => Self {
                kind: KESM,
                flag: available.into(),
                permille: 0,
                wide: speed_rpm,
                quantities: [stored.get(), supply.get(), capacitor.get()],
            },
            Reading::Tie { flow, available } => {
                Self { kind: TIE, flag: available.into(), permille: 0, wide: 0, quantities: [flow.get(), 0, 0] }
            }
            Reading::Supply { utility_a_permille, utility_b_permille, source, generator, drawn } => Self {
                kind: SUPPLY,
                flag: source_to_wire(source),
                permille: utility_a_permille,
                wide: u32::from(utility_b_permille) | u32::from(phase_to_wire(generator)) << 16,
                quantities: [drawn.get(), 0, 0],
            },
        }
    }

    fn reading(&self) -> Result<Reading, Malformed> {
        let [a, b, c] = self.quantities;
        match (self.kind, self.permille, self.wide) {
            (PDU, breaker_permille, 0) => Ok(Reading::Pdu {
                load: Watts::new(a),
                draw: Watts::new(b),
                bus: Millivolts::new(c),
                breaker_permille,
                tripped: self.yes()?,
            }),
            (KESM, 0, speed_rpm) => Ok(Reading::Kesm {
                stored: Joules::new(a),
                supply: Watts::new(b),
                speed_rpm,
                capacitor: Millivolts::new(c),
                available: self.yes()?,
            }),
            (TIE, 0, 0) if b == 0 && c == 0 => Ok(Reading::Tie { flow: Watts::new(a), available: self.yes()? }),
            (SUPPLY, utility_a_permille, wide) if b == 0 && c == 0 => {
                let [low, high, generator, 0] = wide.to_le_bytes() else { return Err(Malformed::Reserved) };
                Ok(Reading::Supply {
                    utility_a_permille,
                    utility_b_permille: u16::from_le_bytes([low, high]),
                    source: source_from_wire(self.flag)?,
                    generator: phase_from_wire(generator)?,
                    drawn: Watts::new(a),
                })
            }
            _ => Err(Malformed::Field),
        }
    }

    const fn yes(&self) -> Result<bool, Malformed> {
        match self.flag {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::Field),
        }
    }
}

const fn source_to_wire(source: SupplySource) -> u8 {
    match source {
        SupplySource::Open => 1,
        SupplySource::UtilityA => 2,
        SupplySource::UtilityB => 3,
        SupplySource::Generator => 4,
    }
}

const fn source_from_wire(wire: u8) -> Result<SupplySource, Malformed> {
    match wire {
        1 => Ok(SupplySource::Open),
        2 => Ok(SupplySource::UtilityA),
        3 => Ok(SupplySource::UtilityB),
        4 => Ok(SupplySource::Generator),
        _ => Err(Malformed::Field),
    }
}

const fn phase_to_wire(phase: GeneratorPhase) -> u8 {
    match phase {
        GeneratorPhase::Absent => 1,
        GeneratorPhase::Off => 2,
        GeneratorPhase::Starting => 3,
        GeneratorPhase::Running => 4,
        GeneratorPhase::Failed => 5,
    }
}

const fn phase_from_wire(wire: u8) -> Result<GeneratorPhase, Malformed> {
    match wire {
        1 => Ok(GeneratorPhase::Absent),
        2 => Ok(GeneratorPhase::Off),
        3 => Ok(GeneratorPhase::Starting),
        4 => Ok(GeneratorPhase::Running),
        5 => Ok(GeneratorPhase::Failed),
        _ => Err(Malformed::Field),
    }
}
