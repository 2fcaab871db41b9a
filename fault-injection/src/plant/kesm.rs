//! A storage module: flywheel and supercapacitor on one inner bus, joined to a rack bus by one converter.
//!
//! ```text
//! rack bus ◄── converter (slew: milliseconds) ── inner bus ──┬── flywheel (slew: tens of milliseconds)
//!                                                            └── supercapacitor (takes the difference)
//! ```
//!
//! The supercapacitor answers first and hands over to the wheel as that ramps up; then the wheel refills it.

use super::converter::Converter;
use super::flywheel::{Flywheel, FlywheelSpec};
use super::ramp;
use super::supercapacitor::{Supercapacitor, SupercapacitorSpec};

/// The wheel refills the bank with this time constant.
const REFILL_SECONDS: f64 = 0.5;
/// At most this share of the rating goes into refilling, or out of an overfull bank.
const REFILL_SHARE_MAX: f64 = 0.1;
/// Charging tapers off over the last energy, so that the wheel arrives at its top speed without a bump.
const TAPER_SECONDS: f64 = 1.0;

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KesmSpec {
    /// The wheel.
    pub flywheel: FlywheelSpec,
    /// The bank.
    pub supercapacitor: SupercapacitorSpec,
    /// The converter to the rack bus.
    pub converter: Converter,
    /// The most that it takes from the rack bus in W.
    pub charge_rated_watts: f64,
    /// How fast the converter moves, in W/s.
    pub converter_slew_watts_per_second: f64,
    /// How fast the wheel's machine moves, in W/s.
    pub wheel_slew_watts_per_second: f64,
}

/// A module at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Kesm {
    spec: KesmSpec,
    wheel: Flywheel,
    bank: Supercapacitor,
    bus_watts: f64,
    wheel_watts: f64,
    healthy: bool,
}

/// Where the energy of one step went, in J.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KesmLoss {
    /// In the converter to the rack bus.
    pub converter_joules: f64,
    /// In the wheel's machine.
    pub conversion_joules: f64,
    /// To bearings, gas and electronics.
    pub standing_joules: f64,
    /// In the bank's series resistance.
    pub resistance_joules: f64,
    /// To the bank's leakage.
    pub leak_joules: f64,
}

/// How the inner bus shares its power, in W; positive gives to the inner bus.
struct Shares {
    bus_watts: f64,
    wheel_watts: f64,
    bank_watts: f64,
}

impl Kesm {
    /// A module with its bank at rest and `charge` (0 to 1) of its whole capacity.
    pub fn charged(spec: KesmSpec, charge: f64) -> Self {
        let bank = Supercapacitor::at(spec.supercapacitor, spec.supercapacitor.volts_rest);
        let wheel_joules = (charge * spec.capacity_joules() - bank.usable_joules()).max(0.0);
        let wheel = Flywheel::charged(spec.flywheel, wheel_joules);
        Self { spec, wheel, bank, bus_watts: 0.0, wheel_watts: 0.0, healthy: true }
    }

    /// What it is.
    pub fn spec(&self) -> &KesmSpec {
        &self.spec
    }

    /// What it gives to the rack bus in W; negative while it charges.
    pub fn bus_watts(&self) -> f64 {
        self.bus_watts
    }

    /// Speed of the wheel in rad/s.
    pub fn speed_radians_per_second(&self) -> f64 {
        self.wheel.speed_radians_per_second()
    }

    /// Potential of the bank in V.
    pub fn capacitor_volts(&self) -> f64 {
        self.bank.volts()
    }

    /// All energy in it, in J.
    pub fn energy_joules(&self) -> f64 {
        self.wheel.energy_joules() + self.bank.energy_joules()
    }

    /// Energy above the lowest speed and the lowest potential, in J.
    pub fn usable_joules(&self) -> f64 {
        (self.wheel.usable_joules() + self.bank.usable_joules()).max(0.0)
    }

    /// Whether it works, and its wheel may be used.
    pub fn is_able(&self) -> bool {
        self.healthy && self.wheel.lockout().is_none()
    }

    /// Its wheel.
    pub fn wheel(&self) -> &Flywheel {
        &self.wheel
    }

    /// Its wheel, to be worn or leaked.
    pub fn wheel_mut(&mut self) -> &mut Flywheel {
        &mut self.wheel
    }

    /// Breaks or repairs it.
    pub fn set_healthy(&mut self, healthy: bool) {
        self.healthy = healthy;
    }

    /// The most that it could give to the rack bus in the next step, slew apart, in W.
    pub fn supply_max_watts(&self, step_seconds: f64) -> f64 {
        if !self.is_able() {
            return 0.0;
        }
        let inner = self.wheel.discharge_max_watts(step_seconds) + self.bank.discharge_max_watts(step_seconds);
        self.spec.converter.output_watts(inner).min(self.spec.converter.rated_watts)
    }

    /// The most that it could take from the rack bus in the next step, slew apart, in W.
    pub fn charge_max_watts(&self) -> f64 {
        if !self.is_able() {
            return 0.0;
        }
        let room_joules = self.spec.flywheel.capacity_joules() - self.wheel.usable_joules();
        self.spec.charge_rated_watts.min((room_joules / TAPER_SECONDS).max(0.0))
    }

    /// One step towards giving `wanted_watts` to the rack bus (taking, when negative).
    pub fn step(&mut self, wanted_watts: f64, step_seconds: f64) -> KesmLoss {
        if !self.is_able() {
            return self.step_cut_off(step_seconds);
        }
        let wanted_watts = wanted_watts.clamp(-self.charge_max_watts(), self.supply_max_watts(step_seconds));
        let slew_watts = self.spec.converter_slew_watts_per_second * step_seconds;
        let bus_watts = ramp(self.bus_watts, wanted_watts, slew_watts);
        let shares = self.share(bus_watts, step_seconds);
        self.carry(&shares, step_seconds)
    }

    /// One step cut off from its bus: nothing flows, and the wheel coasts.
    pub fn step_cut_off(&mut self, step_seconds: f64) -> KesmLoss {
        self.carry(&Shares { bus_watts: 0.0, wheel_watts: 0.0, bank_watts: 0.0 }, step_seconds)
    }

    /// Shares the inner power: the wheel moves at its slew and the bank takes the difference.
    fn share(&self, bus_watts: f64, step_seconds: f64) -> Shares {
        let inner_watts = self.inner_watts(bus_watts);
        let refill_max_watts = REFILL_SHARE_MAX * self.spec.converter.rated_watts;
        let refill_watts = (self.bank.missing_joules() / REFILL_SECONDS).clamp(-refill_max_watts, refill_max_watts);
        let wheel_watts =
            ramp(self.wheel_watts, inner_watts + refill_watts, self.spec.wheel_slew_watts_per_second * step_seconds)
                .clamp(-self.wheel.charge_max_watts(step_seconds), self.wheel.discharge_max_watts(step_seconds));
        let asked_watts = inner_watts - wheel_watts;
        let bank_watts =
            asked_watts.clamp(-self.bank.charge_max_watts(step_seconds), self.bank.discharge_max_watts(step_seconds));
        let missing_watts = asked_watts - bank_watts;
        // What the bank cannot even out: the machine's inverter blocks faster than its slew, down to nothing, and
        // what then still does not fit changes the power on the rack bus.
        let blocked_watts = (wheel_watts + missing_watts).clamp(wheel_watts.min(0.0), wheel_watts.max(0.0));
        let unmet_watts = missing_watts - (blocked_watts - wheel_watts);
        let bus_watts = if unmet_watts.abs() > 0.0 { self.outer_watts(blocked_watts + bank_watts) } else { bus_watts };
        Shares { bus_watts, wheel_watts: blocked_watts, bank_watts }
    }

    fn carry(&mut self, shares: &Shares, step_seconds: f64) -> KesmLoss {
        self.bus_watts = shares.bus_watts;
        self.wheel_watts = shares.wheel_watts;
        let wheel = self.wheel.step(shares.wheel_watts, step_seconds);
        let bank = self.bank.step(shares.bank_watts, step_seconds);
        let converter_watts = if shares.bus_watts >= 0.0 {
            self.spec.converter.loss_watts(shares.bus_watts)
        } else {
            self.spec.converter.loss_watts(self.spec.converter.output_watts(-shares.bus_watts))
        };
        // Less than the fixed loss cannot start the converter towards the wheel: it is lost whole.
        let stalled = shares.bus_watts < 0.0 && converter_watts <= 0.0;
        KesmLoss {
            converter_joules: if stalled { -shares.bus_watts } else { converter_watts } * step_seconds,
            conversion_joules: wheel.conversion_joules,
            standing_joules: wheel.standing_joules,
            resistance_joules: bank.resistance_joules,
            leak_joules: bank.leak_joules,
        }
    }

    /// Power on the inner bus for this power on the rack bus.
    fn inner_watts(&self, bus_watts: f64) -> f64 {
        if bus_watts > 0.0 {
            self.spec.converter.input_watts(bus_watts)
        } else {
            -self.spec.converter.output_watts(-bus_watts)
        }
    }

    /// Power on the rack bus for this power on the inner bus.
    fn outer_watts(&self, inner_watts: f64) -> f64 {
        if inner_watts > 0.0 {
            self.spec.converter.output_watts(inner_watts)
        } else {
            -self.spec.converter.input_watts(-inner_watts)
        }
    }
}

impl KesmSpec {
    /// Energy between empty and full: the wheel's window and the bank's up to its resting potential, in J.
    pub fn capacity_joules(&self) -> f64 {
        self.flywheel.capacity_joules() + self.supercapacitor.capacity_joules()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_SECONDS: f64 = 0.001;
    use crate::scenario::Physics;
    use ridethrough_core::site::{ConverterLoss, Kesm as SiteKesm, RackId};
    use ridethrough_core::units::{Joules, Watts};

    fn module(charge: f64) -> Kesm {
        let site = SiteKesm {
            name: "K".into(),
            rack: RackId(0),
            rated: Watts::new(50_000),
            charge_rated: Watts::new(15_000),
            capacity: Joules::new(2_100_000),
            reserve: Joules::new(630_000),
            converter: ConverterLoss { fixed_ppm: 4_000, linear_ppm: 4_590, quadratic_ppm: 27_700 },
        };
        Kesm::charged(Physics::default().kesm(&site), charge)
    }

    /// Runs and returns what came out of the terminals and what was lost, both in J.
    fn run(kesm: &mut Kesm, wanted_watts: f64, steps: u32) -> (f64, f64) {
        (0..steps).fold((0.0, 0.0), |(given, lost), _| {
            let loss = kesm.step(wanted_watts, STEP_SECONDS);
            let sum = loss.converter_joules
                + loss.conversion_joules
                + loss.standing_joules
                + loss.resistance_joules
                + loss.leak_joules;
            (given + kesm.bus_watts() * STEP_SECONDS, lost + sum)
        })
    }

    #[test]
    fn the_bank_answers_first_and_hands_over_to_the_wheel() {
        let mut kesm = module(0.9);
        let rest_volts = kesm.capacitor_volts();
        run(&mut kesm, 40_000.0, 5);
        assert!((kesm.bus_watts() - 40_000.0).abs() < 1.0, "at full power within 5 ms");
        assert!(kesm.wheel_watts < 0.2 * 40_000.0, "the wheel has only begun: {}", kesm.wheel_watts);
        run(&mut kesm, 40_000.0, 195);
        assert!(kesm.wheel_watts > 40_000.0, "the wheel carries the load, its losses and the refill");
        run(&mut kesm, 40_000.0, 4_800);
        assert!((kesm.capacitor_volts() - rest_volts).abs() < 1.0, "refilled: {}", kesm.capacitor_volts());
    }

    #[test]
    fn energy_closes_through_discharge_and_charge() {
        for wanted_watts in [45_000.0, 5_000.0, 0.0, -15_000.0, -100.0] {
            let mut kesm = module(0.5);
            let before = kesm.energy_joules();
            let (given, lost) = run(&mut kesm, wanted_watts, 10_000);
            let error = before - kesm.energy_joules() - given - lost;
            assert!(error.abs() < 1.0, "{wanted_watts} W: {error} J of {given} J given, {lost} J lost");
        }
    }

    #[test]
    fn it_ends_when_it_is_empty_and_stops_when_it_is_full() {
        let mut empty = module(0.05);
        run(&mut empty, 50_000.0, 20_000);
        assert!(empty.bus_watts() < 1.0, "{}", empty.bus_watts());
        assert!(empty.usable_joules() < 200.0, "{}", empty.usable_joules());
        let mut full = module(0.99);
        run(&mut full, -15_000.0, 20_000);
        let capacity = full.spec().capacity_joules();
        assert!(full.usable_joules() / capacity > 0.995 && full.usable_joules() < 1.001 * capacity);
    }

    #[test]
    fn a_broken_module_gives_nothing_at_once() {
        let mut kesm = module(0.9);
        run(&mut kesm, 40_000.0, 1_000);
        kesm.set_healthy(false);
        kesm.step(40_000.0, STEP_SECONDS);
        assert!(kesm.bus_watts().abs() < 1e-9);
    }
}
