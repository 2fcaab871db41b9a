//! Meters: what devices say, which is not what is. Each has noise, quantisation, latency and a clock of its own.

use ridethrough_core::device::{DeviceId, Reading};
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};

use super::random::{bell, mix, unit};
use super::whole;

/// The longest latency that a meter may have, in ms.
pub const LATENCY_MS_MAX: u64 = 100;
/// Samples kept: a power of two above the longest latency.
const KEPT: usize = 128;

/// How good the meters of a plant are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeterSpec {
    /// Standard deviation of power readings, as a share of the reading.
    pub power_noise_share: f64,
    /// Power is told in steps of so many W.
    pub power_quantum_watts: f64,
    /// Standard deviation of stored energy, as a share of the reading.
    pub energy_noise_share: f64,
    /// Energy is told in steps of so many J.
    pub energy_quantum_joules: f64,
    /// Standard deviation of potentials, as a share of the reading.
    pub volts_noise_share: f64,
    /// Potential is told in steps of so many V.
    pub volts_quantum: f64,
    /// A device samples its quantities once in so many ms.
    pub sample_ms: u64,
    /// Least latency in ms, at least 1.
    pub latency_ms_min: u64,
    /// Greatest latency in ms, at most [`LATENCY_MS_MAX`].
    pub latency_ms_max: u64,
    /// Device clocks are ahead by up to so many ms.
    pub clock_offset_ms_max: u64,
    /// Device clocks run fast or slow by up to so many millionths.
    pub clock_drift_ppm_max: f64,
}

impl Default for MeterSpec {
    fn default() -> Self {
        Self {
            power_noise_share: 0.002,
            power_quantum_watts: 10.0,
            energy_noise_share: 0.000_5,
            energy_quantum_joules: 100.0,
            volts_noise_share: 0.000_5,
            volts_quantum: 0.1,
            sample_ms: 10,
            latency_ms_min: 1,
            latency_ms_max: 20,
            clock_offset_ms_max: 5_000,
            clock_drift_ppm_max: 50.0,
        }
    }
}

/// What truly is at a device, in SI units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Truth {
    /// PDU: load; KESM: stored energy; tie: flow.
    pub main: f64,
    /// PDU: draw; KESM: supply.
    pub second: f64,
    /// PDU: potential of the bus; KESM: potential of the bank.
    pub volts: f64,
    /// PDU: heat of the breaker; KESM: speed in rpm.
    pub state: f64,
    /// PDU: breaker open; others: can act on orders.
    pub flag: bool,
}

/// A clock that was set once and drifts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceClock {
    /// Ahead of true time by so many ms at the start.
    pub offset_ms: u64,
    /// Fast (or slow) by so many millionths.
    pub drift_ppm: f64,
}

impl DeviceClock {
    /// Its reading at this true time in ms.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run stay far below 2^52")]
    pub fn at(&self, true_ms: u64) -> Millis {
        Millis::new(whole(self.offset_ms as f64 + true_ms as f64 * (1.0 + self.drift_ppm * 1e-6)))
    }
}

/// The meter of one device.
#[derive(Clone, Debug)]
pub struct Meter {
    device: DeviceId,
    seed: u64,
    latency_ms: u64,
    clock: DeviceClock,
    kept: Box<[Truth; KEPT]>,
    newest_ms: u64,
}

impl Meter {
    /// The meter of a device; the seed decides its latency and its clock.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Spans of at most a few thousand milliseconds, drawn from [0, 1).
    pub fn new(device: DeviceId, spec: &MeterSpec, seed: u64) -> Self {
        let seed = mix(seed ^ (u64::from(device.to_wire()) << 20));
        let span_ms = spec.latency_ms_max.saturating_sub(spec.latency_ms_min) + 1;
        let latency_ms = spec.latency_ms_min + (unit(mix(seed ^ 1)) * span_ms as f64) as u64;
        let clock = DeviceClock {
            offset_ms: (unit(mix(seed ^ 2)) * (spec.clock_offset_ms_max + 1) as f64) as u64,
            drift_ppm: (2.0 * unit(mix(seed ^ 3)) - 1.0) * spec.clock_drift_ppm_max,
        };
        Self {
            device,
            seed,
            latency_ms: latency_ms.clamp(1, LATENCY_MS_MAX),
            clock,
            kept: Box::new([Truth::default(); KEPT]),
            newest_ms: 0,
        }
    }

    /// Its latency in ms.
    pub fn latency_ms(&self) -> u64 {
        self.latency_ms
    }

    /// The clock of its device.
    pub fn clock(&self) -> DeviceClock {
        self.clock
    }

    /// Takes in what is true at `at_ms`; called for every millisecond.
    pub fn sample(&mut self, at_ms: u64, truth: Truth) {
        if at_ms == 0 {
            self.kept.fill(truth);
        }
        self.kept[slot(at_ms)] = truth;
        self.newest_ms = at_ms;
    }

    /// What it says now: the truth of a latency ago, with noise and in steps.
    pub fn read(&self, spec: &MeterSpec) -> Reading {
        let at_ms = self.newest_ms.saturating_sub(self.latency_ms);
        let truth = self.kept[slot(at_ms)];
        let noisy = |nth: u64, value: f64, share: f64, quantum: f64| {
            let key = mix(self.seed ^ at_ms.wrapping_mul(0x1_0001)).wrapping_add(nth << 56);
            (value * (1.0 + share * bell(key)) / quantum).round() * quantum
        };
        let watts = |nth, value| Watts::new(whole(noisy(nth, value, spec.power_noise_share, spec.power_quantum_watts)));
        let volts = noisy(2, truth.volts, spec.volts_noise_share, spec.volts_quantum);
        let potential = Millivolts::new(whole(volts * 1_000.0));
        match self.device {
            DeviceId::Pdu(_) => Reading::Pdu {
                load: watts(0, truth.main),
                draw: watts(1, truth.second),
                bus: potential,
                breaker_permille: u16::try_from(whole(truth.state * 1_000.0)).unwrap_or(u16::MAX).min(1_000),
                tripped: truth.flag,
            },
            DeviceId::Kesm(_) => {
                let stored = noisy(0, truth.main, spec.energy_noise_share, spec.energy_quantum_joules);
                Reading::Kesm {
                    stored: Joules::new(whole(stored)),
                    supply: watts(1, truth.second),
                    speed_rpm: u32::try_from(whole(truth.state)).unwrap_or(0),
                    capacitor: potential,
                    available: truth.flag,
                }
            }
            DeviceId::Tie(_) => Reading::Tie { flow: watts(0, truth.main), available: truth.flag },
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the remainder is below 128")]
fn slot(at_ms: u64) -> usize {
    (at_ms % KEPT as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridethrough_core::site::RackId;

    fn pdu_truth(load_watts: f64) -> Truth {
        Truth { main: load_watts, second: load_watts, volts: 800.0, state: 0.25, flag: false }
    }

    #[test]
    fn a_step_is_seen_a_latency_later() {
        let spec = MeterSpec { power_noise_share: 0.0, latency_ms_min: 7, latency_ms_max: 7, ..MeterSpec::default() };
        let mut meter = Meter::new(DeviceId::Pdu(RackId(0)), &spec, 1);
        let seen = (0..20).map(|at_ms| {
            meter.sample(at_ms, pdu_truth(if at_ms < 5 { 1_000.0 } else { 2_000.0 }));
            meter.read(&spec)
        });
        let first = seen.enumerate().find_map(|(at_ms, reading)| match reading {
            Reading::Pdu { load, .. } if load == Watts::new(2_000) => Some(at_ms),
            _ => None,
        });
        assert_eq!(first, Some(12));
    }

    #[test]
    fn readings_are_noisy_quantised_and_repeatable() {
        let spec = MeterSpec::default();
        let mut meter = Meter::new(DeviceId::Pdu(RackId(0)), &spec, 1);
        let mut errors = Vec::new();
        for at_ms in 0..5_000 {
            meter.sample(at_ms, pdu_truth(20_000.0));
            assert_eq!(meter.read(&spec), meter.read(&spec));
            let Reading::Pdu { load, breaker_permille, .. } = meter.read(&spec) else { panic!("a PDU speaks") };
            assert_eq!((load.get() % 10, breaker_permille), (0, 250));
            errors.push(super::super::real(load.get()) - 20_000.0);
        }
        let deviation = (errors.iter().map(|error| error * error).sum::<f64>() / 5_000.0).sqrt();
        assert!((deviation - 40.0).abs() < 3.0, "0.2 % of 20 kW, found {deviation}");
    }
}
