//! Meters: what devices say, which is not what is. Each has noise, quantisation, latency and a clock of its own.

use ridethrough_core::device::{DeviceId, GeneratorPhase, Reading, SupplySource};
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};

use super::random::{bell, mix, unit};
use super::whole;

/// The longest latency that a meter may have, in ms.
pub const LATENCY_MS_MAX: u64 = 100;
/// The longest time between two samples that a meter may have, in ms.
pub const SAMPLE_MS_MAX: u64 = 50;
/// Samples kept: they reach back over the longest latency when a meter samples every [`SAMPLE_MS_MIN`].
const KEPT: usize = 12;
/// The shortest time between two samples, in ms: what the kept samples allow.
pub const SAMPLE_MS_MIN: u64 = 10;

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
    /// A meter converts every so many ms, at a phase of its own.
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Truth {
    /// At a PDU.
    Pdu {
        /// What the servers take, in W.
        load_watts: f64,
        /// What comes through the breaker, in W.
        draw_watts: f64,
        /// Potential of the bus in V.
        volts: f64,
        /// The breaker's heat, 1 trips.
        damage: f64,
        /// Whether the breaker is open.
        tripped: bool,
    },
    /// At a module.
    Kesm {
        /// Usable energy in J.
        stored_joules: f64,
        /// What it gives to the bus, in W.
        supply_watts: f64,
        /// Speed of the wheel in rpm.
        speed_rpm: f64,
        /// Potential of the bank in V.
        volts: f64,
        /// Whether it can act on orders.
        available: bool,
    },
    /// At a tie.
    Tie {
        /// What leaves the source bus, in W.
        flow_watts: f64,
        /// Whether it can act on orders.
        available: bool,
    },
    /// At a supply.
    Supply {
        /// What utilities A and B give, as shares of nominal.
        utility_shares: [f64; 2],
        /// What the transfer switch is on.
        source: SupplySource,
        /// What the generator does.
        generator: GeneratorPhase,
        /// What all rows draw together, in W.
        drawn_watts: f64,
    },
}

/// A clock that was set once and drifts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceClock {
    /// Ahead of true time by so many ms at the start, or at its present rate as if it had been so then.
    pub offset_ms: i64,
    /// Fast (or slow) by so many millionths.
    pub drift_ppm: f64,
}

impl DeviceClock {
    /// Its reading at this true time in ms.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run stay far below 2^52")]
    pub fn at(&self, true_ms: u64) -> Millis {
        Millis::new(whole(self.offset_ms as f64 + true_ms as f64 * (1.0 + self.drift_ppm * 1e-6)))
    }

    /// A true time in ms by which it shows `at`, or a little earlier.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Milliseconds of a run stay far below 2^52, and what is before its beginning is its beginning.
    pub fn shows(&self, at: Millis) -> u64 {
        // Two milliseconds early, for what is rounded.
        (at.get().saturating_sub(self.offset_ms) as f64 / (1.0 + self.drift_ppm * 1e-6) - 2.0).max(0.0) as u64
    }

    /// The same clock after a jump ahead.
    #[must_use]
    pub fn ahead_by(self, more: Millis) -> Self {
        Self { offset_ms: self.offset_ms.saturating_add(more.or_zero().get()), ..self }
    }

    /// The same clock at another rate from this true time in ms on; there it tells what it would have told, to the millisecond.
    #[must_use]
    pub fn at_rate(self, drift_ppm: f64, true_ms: u64) -> Self {
        let fresh = Self { offset_ms: 0, drift_ppm };
        Self { offset_ms: self.at(true_ms).get().saturating_sub(fresh.at(true_ms).get()), drift_ppm }
    }
}

/// The meter of one device.
#[derive(Clone, Debug)]
pub struct Meter {
    seed: u64,
    latency_ms: u64,
    sample_ms: u64,
    clock: DeviceClock,
    /// Newest first from `newest` backwards, round the ring.
    kept: [Taken; KEPT],
    newest: usize,
    due_ms: u64,
    lying_share: f64,
    frozen: Option<Taken>,
}

/// One sample with its time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    at_ms: u64,
    truth: Truth,
}

impl Meter {
    /// The meter of a device at time 0; the seed decides its latency, its phase and its clock.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Spans of at most a few thousand milliseconds, drawn from [0, 1).
    pub fn new(device: DeviceId, spec: &MeterSpec, seed: u64, truth: Truth) -> Self {
        let seed = mix(seed ^ (u64::from(device.to_wire()) << 20));
        let draw = |nth: u64, below: u64| (unit(mix(seed ^ nth)) * below as f64) as u64;
        let latency_ms = spec.latency_ms_min + draw(1, spec.latency_ms_max.saturating_sub(spec.latency_ms_min) + 1);
        let sample_ms = spec.sample_ms.clamp(SAMPLE_MS_MIN, SAMPLE_MS_MAX);
        let clock = DeviceClock {
            offset_ms: i64::try_from(draw(2, spec.clock_offset_ms_max + 1)).unwrap_or(0),
            drift_ppm: (2.0 * unit(mix(seed ^ 3)) - 1.0) * spec.clock_drift_ppm_max,
        };
        Self {
            seed,
            latency_ms: latency_ms.clamp(1, LATENCY_MS_MAX),
            sample_ms,
            clock,
            kept: [Taken { at_ms: 0, truth }; KEPT],
            newest: 0,
            due_ms: draw(4, sample_ms),
            lying_share: 1.0,
            frozen: None,
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

    /// Whether its next conversion is due.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.due_ms <= now_ms
    }

    /// Takes in what is true at `at_ms`.
    pub fn sample(&mut self, at_ms: u64, truth: Truth) {
        self.newest = (self.newest + 1) % KEPT;
        self.kept[self.newest] = Taken { at_ms, truth };
        while self.due_ms <= at_ms {
            self.due_ms += self.sample_ms;
        }
    }

    /// Tells every power and energy times this share of the truth; 1 is the truth.
    pub fn lie(&mut self, share: f64) {
        self.lying_share = share;
    }

    /// Repeats from now on what it says now, or ends that.
    pub fn freeze(&mut self, frozen: bool, now_ms: u64) {
        self.frozen = frozen.then(|| self.frozen.unwrap_or_else(|| self.visible(now_ms)));
    }

    /// What it says at `now_ms`: the newest sample that is a latency old, with noise and in steps.
    pub fn read(&self, spec: &MeterSpec, now_ms: u64) -> Reading {
        let taken = self.frozen.unwrap_or_else(|| self.visible(now_ms));
        self.tell(spec, &taken)
    }

    fn visible(&self, now_ms: u64) -> Taken {
        let ring = (0..KEPT).map(|back| &self.kept[(self.newest + KEPT - back) % KEPT]);
        let oldest = self.kept[(self.newest + 1) % KEPT];
        ring.into_iter().find(|taken| taken.at_ms + self.latency_ms <= now_ms).copied().unwrap_or(oldest)
    }

    fn tell(&self, spec: &MeterSpec, taken: &Taken) -> Reading {
        let noisy = |nth: u64, value: f64, share: f64, quantum: f64| {
            let key = mix(self.seed ^ taken.at_ms.wrapping_mul(0x1_0001)).wrapping_add(nth << 56);
            (value * (1.0 + share * bell(key)) / quantum).round() * quantum
        };
        let lying = self.lying_share;
        let watts = |nth, value: f64| {
            Watts::new(whole(noisy(nth, value * lying, spec.power_noise_share, spec.power_quantum_watts)))
        };
        let potential =
            |value: f64| Millivolts::new(whole(noisy(2, value, spec.volts_noise_share, spec.volts_quantum) * 1_000.0));
        let permille = |nth, share: f64| {
            u16::try_from(whole(noisy(nth, share * 1_000.0, spec.volts_noise_share, 1.0))).unwrap_or(0)
        };
        match taken.truth {
            Truth::Pdu { load_watts, draw_watts, volts, damage, tripped } => Reading::Pdu {
                load: watts(0, load_watts),
                draw: watts(1, draw_watts),
                bus: potential(volts),
                breaker_permille: u16::try_from(whole(damage * 1_000.0)).unwrap_or(u16::MAX).min(1_000),
                tripped,
            },
            Truth::Kesm { stored_joules, supply_watts, speed_rpm, volts, available } => {
                let stored = noisy(0, stored_joules * lying, spec.energy_noise_share, spec.energy_quantum_joules);
                Reading::Kesm {
                    stored: Joules::new(whole(stored)),
                    supply: watts(1, supply_watts),
                    speed_rpm: u32::try_from(whole(speed_rpm)).unwrap_or(0),
                    capacitor: potential(volts),
                    available,
                }
            }
            Truth::Tie { flow_watts, available } => Reading::Tie { flow: watts(0, flow_watts), available },
            Truth::Supply { utility_shares: [a, b], source, generator, drawn_watts } => Reading::Supply {
                utility_a_permille: permille(1, a),
                utility_b_permille: permille(2, b),
                source,
                generator,
                drawn: watts(0, drawn_watts),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridethrough_core::site::RackId;

    fn pdu_truth(load_watts: f64) -> Truth {
        Truth::Pdu { load_watts, draw_watts: load_watts, volts: 800.0, damage: 0.25, tripped: false }
    }

    /// Runs a PDU's meter on a load and returns what it told in every ms.
    fn told(spec: &MeterSpec, meter: &mut Meter, load_watts: impl Fn(u64) -> f64, span_ms: u64) -> Vec<i64> {
        let tell = |at_ms| {
            if meter.is_due(at_ms) {
                meter.sample(at_ms, pdu_truth(load_watts(at_ms)));
            }
            match meter.read(spec, at_ms) {
                Reading::Pdu { load, .. } => load.get(),
                other => panic!("a PDU speaks: {other:?}"),
            }
        };
        (1..span_ms).map(tell).collect()
    }

    fn meter(spec: &MeterSpec, load_watts: f64) -> Meter {
        Meter::new(DeviceId::Pdu(RackId(0)), spec, 1, pdu_truth(load_watts))
    }

    #[test]
    fn a_step_is_seen_at_the_next_conversion_and_a_latency_later() {
        for latency_ms in [1, 7, 100] {
            let spec = MeterSpec {
                power_noise_share: 0.0,
                latency_ms_min: latency_ms,
                latency_ms_max: latency_ms,
                ..MeterSpec::default()
            };
            let load_watts = |at_ms| if at_ms < 500 { 1_000.0 } else { 2_000.0 };
            let told = told(&spec, &mut meter(&spec, 1_000.0), load_watts, 1_000);
            let first_ms = 1 + told.iter().position(|&watts| watts == 2_000).expect("it is seen") as u64;
            assert!((500 + latency_ms..510 + latency_ms).contains(&first_ms), "{first_ms} with {latency_ms}");
        }
    }

    #[test]
    fn a_clock_shows_a_time_when_it_is_said_to_or_moments_later() {
        for (offset_ms, drift_ppm) in [(0, 0.0), (4_711, 200.0), (-3_600_000, -200.0), (3_599_999, 49.7)] {
            let clock = DeviceClock { offset_ms, drift_ppm };
            for true_ms in (0..4_000_000).step_by(9_973) {
                let by_ms = clock.shows(clock.at(true_ms));
                assert!(by_ms <= true_ms && true_ms - by_ms <= 4, "{clock:?}: {by_ms} for {true_ms}");
            }
        }
    }

    #[test]
    fn a_clock_changes_its_rate_without_a_jump_and_jumps_ahead_only() {
        let clock = DeviceClock { offset_ms: 2_000, drift_ppm: 50.0 };
        let slow = clock.at_rate(-200.0, 1_000_000);
        assert_eq!(slow.at(1_000_000), clock.at(1_000_000));
        assert_eq!(slow.at(2_000_000).get() - slow.at(1_000_000).get(), 999_800);
        assert_eq!(clock.ahead_by(Millis::new(7)).at(0), Millis::new(2_007));
        assert_eq!(clock.ahead_by(Millis::new(-7)), clock);
    }

    #[test]
    fn readings_are_noisy_quantised_and_repeatable() {
        let spec = MeterSpec::default();
        let mut meter = meter(&spec, 20_000.0);
        let told = told(&spec, &mut meter, |_| 20_000.0, 50_000);
        assert_eq!(meter.read(&spec, 50_000), meter.read(&spec, 50_000));
        assert!(told.iter().all(|watts| watts % 10 == 0));
        let errors: Vec<f64> = told.iter().step_by(10).map(|&watts| super::super::real(watts) - 20_000.0).collect();
        let squares: f64 = errors.iter().map(|error| error * error).sum();
        let deviation = (squares / super::super::real(i64::try_from(errors.len()).expect("few"))).sqrt();
        assert!((deviation - 40.0).abs() < 3.0, "0.2 % of 20 kW, found {deviation}");
    }

    #[test]
    fn a_frozen_meter_repeats_itself_and_a_lying_one_is_off_by_its_share() {
        let spec = MeterSpec { power_noise_share: 0.0, ..MeterSpec::default() };
        let mut meter = meter(&spec, 10_000.0);
        told(&spec, &mut meter, |_| 10_000.0, 200);
        meter.freeze(true, 200);
        assert!(told(&spec, &mut meter, |_| 90_000.0, 500).iter().all(|&watts| watts == 10_000));
        meter.freeze(false, 500);
        meter.lie(0.5);
        assert_eq!(told(&spec, &mut meter, |_| 90_000.0, 500).last(), Some(&45_000));
    }

    #[test]
    fn a_supply_tells_what_it_is_on_and_a_dead_utility_is_nothing() {
        let spec = MeterSpec::default();
        let truth = Truth::Supply {
            utility_shares: [1.0, 0.0],
            source: SupplySource::UtilityA,
            generator: GeneratorPhase::Failed,
            drawn_watts: 250_000.0,
        };
        let mut meter = Meter::new(DeviceId::Supply(ridethrough_core::site::FeedId(0)), &spec, 1, truth);
        meter.lie(2.0);
        let Reading::Supply { utility_a_permille, utility_b_permille, source, generator, drawn } = meter.read(&spec, 0)
        else {
            panic!("a supply speaks")
        };
        assert!((995..=1_005).contains(&utility_a_permille) && utility_b_permille == 0, "{utility_a_permille}");
        assert_eq!((source, generator), (SupplySource::UtilityA, GeneratorPhase::Failed));
        assert!((drawn.get() - 500_000).abs() < 10_000, "it lies: {drawn}");
    }
}
