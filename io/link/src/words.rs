//! Telemetry as words, so that it fits a slot that two threads share.

use ridethrough_core::device::{
    DeviceId, Direction, Fence, GeneratorDuty, GeneratorPhase, Reading, Setpoint, SupplySource,
};
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};
use ridethrough_protocol::{Refusals, Telemetry};

/// How many words telemetry takes.
pub(crate) const WORDS: usize = 19;

pub(crate) fn write(telemetry: &Telemetry) -> [u64; WORDS] {
    let Telemetry { device: _, reading, in_force, fence, lease_remaining, device_at, counters, heard } = telemetry;
    let ([r0, r1, r2, r3], [s0, s1, s2, s3]) = (write_reading(reading), write_setpoint(in_force.as_ref()));
    let [c0, c1, c2, c3, c4, c5] = write_refusals(*counters);
    let heard = pair(heard[0], heard[1]);
    let spans = [*lease_remaining, *device_at].map(|span| span.get().cast_unsigned());
    [r0, r1, r2, r3, s0, s1, s2, s3, fence.term, fence.index, spans[0], spans[1], c0, c1, c2, c3, c4, c5, heard]
}

/// The telemetry of `device` that [`write`] made into these words.
pub(crate) fn read(device: DeviceId, words: &[u64; WORDS]) -> Option<Telemetry> {
    let [r0, r1, r2, r3, s0, s1, s2, s3, term, index, lease_remaining, device_at, c0, c1, c2, c3, c4, c5, heard] =
        *words;
    Some(Telemetry {
        device,
        reading: read_reading([r0, r1, r2, r3])?,
        in_force: if s0 == 0 { None } else { Some(read_setpoint([s0, s1, s2, s3])?) },
        fence: Fence { term, index },
        lease_remaining: Millis::new(lease_remaining.cast_signed()),
        device_at: Millis::new(device_at.cast_signed()),
        counters: read_refusals([c0, c1, c2, c3, c4, c5]),
        heard: [low_half(heard), high_half(heard)],
    })
}

/// Four numbers in one word.
fn pack(kind: u16, flag: u16, wide: u32) -> u64 {
    u64::from(kind) | u64::from(flag) << 16 | u64::from(wide) << 32
}

fn unpack(word: u64) -> (u16, u16, u32) {
    let low = |word: u64| u16::try_from(word & 0xffff).unwrap_or_default();
    (low(word), low(word >> 16), high_half(word))
}

fn high_half(word: u64) -> u32 {
    u32::try_from(word >> 32).unwrap_or_default()
}

fn low_half(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default()
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

fn watts(word: u64) -> Watts {
    Watts::new(word.cast_signed())
}

fn write_reading(reading: &Reading) -> [u64; 4] {
    match *reading {
        Reading::Pdu { load, draw, bus, breaker_permille, tripped } => {
            let quantities = [load.get(), draw.get(), bus.get()].map(i64::cast_unsigned);
            with(pack(1, tripped.into(), breaker_permille.into()), quantities)
        }
        Reading::Kesm { stored, supply, speed_rpm, capacitor, available } => {
            let quantities = [stored.get(), supply.get(), capacitor.get()].map(i64::cast_unsigned);
            with(pack(2, available.into(), speed_rpm), quantities)
        }
        Reading::Tie { flow, available } => with(pack(3, available.into(), 0), [flow.get().cast_unsigned(), 0, 0]),
        Reading::Supply { utility_a_permille, utility_b_permille, source, generator, drawn } => {
            let utilities = u64::from(utility_a_permille) | u64::from(utility_b_permille) << 16;
            let doing = pack(4, source_to_word(source), phase_to_word(generator));
            with(doing, [drawn.get().cast_unsigned(), utilities, 0])
        }
    }
}

const fn with(head: u64, [first, second, third]: [u64; 3]) -> [u64; 4] {
    [head, first, second, third]
}

fn read_reading([head, first, second, third]: [u64; 4]) -> Option<Reading> {
    let (kind, flag, wide) = unpack(head);
    let volts = |word: u64| Millivolts::new(word.cast_signed());
    Some(match kind {
        1 => Reading::Pdu {
            load: watts(first),
            draw: watts(second),
            bus: volts(third),
            breaker_permille: u16::try_from(wide).ok()?,
            tripped: flag != 0,
        },
        2 => Reading::Kesm {
            stored: Joules::new(first.cast_signed()),
            supply: watts(second),
            speed_rpm: wide,
            capacitor: volts(third),
            available: flag != 0,
        },
        3 => Reading::Tie { flow: watts(first), available: flag != 0 },
        4 => Reading::Supply {
            utility_a_permille: unpack(second).0,
            utility_b_permille: unpack(second).1,
            source: SOURCES.get(usize::from(flag)).copied()?,
            generator: PHASES.get(usize::try_from(wide).ok()?).copied()?,
            drawn: watts(first),
        },
        _ => return None,
    })
}

const SOURCES: [SupplySource; 4] =
    [SupplySource::Open, SupplySource::UtilityA, SupplySource::UtilityB, SupplySource::Generator];

const fn source_to_word(source: SupplySource) -> u16 {
    match source {
        SupplySource::Open => 0,
        SupplySource::UtilityA => 1,
        SupplySource::UtilityB => 2,
        SupplySource::Generator => 3,
    }
}

const PHASES: [GeneratorPhase; 5] = [
    GeneratorPhase::Absent,
    GeneratorPhase::Off,
    GeneratorPhase::Starting,
    GeneratorPhase::Running,
    GeneratorPhase::Failed,
];

const fn phase_to_word(phase: GeneratorPhase) -> u32 {
    match phase {
        GeneratorPhase::Absent => 0,
        GeneratorPhase::Off => 1,
        GeneratorPhase::Starting => 2,
        GeneratorPhase::Running => 3,
        GeneratorPhase::Failed => 4,
    }
}

fn write_setpoint(setpoint: Option<&Setpoint>) -> [u64; 4] {
    match setpoint {
        None => [0; 4],
        Some(Setpoint::Kesm { supply_max, charge_max, hold }) => {
            with(pack(1, 0, 0), [supply_max, charge_max, hold].map(|power| power.get().cast_unsigned()))
        }
        Some(Setpoint::Tie { direction, flow_max, hold }) => {
            let backward = *direction == Direction::Backward;
            with(pack(2, backward.into(), 0), [flow_max.get().cast_unsigned(), hold.get().cast_unsigned(), 0])
        }
        Some(Setpoint::Pdu { cap, keep_tiers }) => {
            with(pack(3, (*keep_tiers).into(), 0), [cap.get().cast_unsigned(), 0, 0])
        }
        Some(Setpoint::Supply { generator }) => with(pack(4, u16::from(*generator == GeneratorDuty::Run), 0), [0; 3]),
    }
}

fn read_setpoint([head, first, second, third]: [u64; 4]) -> Option<Setpoint> {
    let (kind, flag, _) = unpack(head);
    Some(match kind {
        1 => Setpoint::Kesm { supply_max: watts(first), charge_max: watts(second), hold: watts(third) },
        2 => {
            let direction = if flag == 0 { Direction::Forward } else { Direction::Backward };
            Setpoint::Tie { direction, flow_max: watts(first), hold: watts(second) }
        }
        3 => Setpoint::Pdu { cap: watts(first), keep_tiers: u8::try_from(flag).ok()? },
        4 => Setpoint::Supply { generator: if flag == 0 { GeneratorDuty::Auto } else { GeneratorDuty::Run } },
        _ => return None,
    })
}

fn write_refusals(refusals: Refusals) -> [u64; 6] {
    let counts = refusals.to_counts();
    let count = |at: usize| counts.get(at).copied().unwrap_or(0);
    std::array::from_fn(|word| pair(count(2 * word), count(2 * word + 1)))
}

fn read_refusals(words: [u64; 6]) -> Refusals {
    let count = |at: usize| {
        let word = words.get(at / 2).copied().unwrap_or(0);
        if at.is_multiple_of(2) { low_half(word) } else { high_half(word) }
    };
    Refusals::from_counts(std::array::from_fn(count))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use ridethrough_core::site::KesmId;

    use super::*;

    const DEVICE: DeviceId = DeviceId::Kesm(KesmId(7));

    fn telemetry(reading: Reading, in_force: Option<Setpoint>) -> Telemetry {
        Telemetry {
            device: DEVICE,
            reading,
            in_force,
            fence: Fence { term: u64::MAX, index: 3 },
            lease_remaining: Millis::new(400),
            device_at: Millis::new(i64::MAX),
            counters: Refusals {
                malformed: 1,
                misaddressed: 2,
                bad_mac: 3,
                replay: 4,
                flooded: 5,
                stale_fence: 6,
                no_lease: 7,
                expired: 8,
                beyond_limits: 9,
                unavailable: u32::MAX,
                unendorsed: 11,
            },
            heard: [12, u32::MAX],
        }
    }

    fn readings() -> Vec<Reading> {
        let (power, bus) = (Watts::new(-5), Millivolts::new(i64::MIN));
        let mut readings = vec![Reading::Tie { flow: power, available: true }];
        for flag in [false, true] {
            readings.push(Reading::Pdu { load: power, draw: Watts::new(6), bus, breaker_permille: 999, tripped: flag });
            let (stored, speed_rpm) = (Joules::new(8), u32::MAX);
            readings.push(Reading::Kesm { stored, supply: power, speed_rpm, capacitor: bus, available: flag });
        }
        for source in SOURCES {
            for generator in PHASES {
                let utility_a_permille = 1_001;
                readings.push(Reading::Supply {
                    utility_a_permille,
                    utility_b_permille: u16::MAX,
                    source,
                    generator,
                    drawn: power,
                });
            }
        }
        readings
    }

    fn setpoints() -> Vec<Option<Setpoint>> {
        let [flow_max, hold, cap] = [1, 2, i64::MAX].map(Watts::new);
        vec![
            None,
            Some(Setpoint::Kesm { supply_max: flow_max, charge_max: hold, hold: cap }),
            Some(Setpoint::Tie { direction: Direction::Forward, flow_max, hold }),
            Some(Setpoint::Tie { direction: Direction::Backward, flow_max, hold }),
            Some(Setpoint::Pdu { cap, keep_tiers: u8::MAX }),
            Some(Setpoint::Supply { generator: GeneratorDuty::Auto }),
            Some(Setpoint::Supply { generator: GeneratorDuty::Run }),
        ]
    }

    #[test]
    fn all_that_telemetry_says_comes_back() {
        for reading in readings() {
            for in_force in setpoints() {
                let said = telemetry(reading, in_force);
                assert_eq!(read(DEVICE, &write(&said)), Some(said));
            }
        }
    }
}
