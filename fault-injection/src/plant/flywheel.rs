//! A flywheel in vacuum: its speed is its stored energy.
//!
//! `E = ½·J·ω²` and `J·ω·dω/dt = P_ch·η_c − P_dis/η_d − P_loss(ω)` with `P_loss = k0 + k1·ω + k3·ω³`
//! (electronics, bearings, residual gas), as the physics page gives them.

/// Revolutions per minute to radians per second.
pub const RADIANS_PER_SECOND_PER_RPM: f64 = std::f64::consts::PI / 30.0;
/// Over this share of the highest speed it locks itself out (physics page).
pub const OVER_SPEED_SHARE: f64 = 1.05;
/// Below this speed the wheel counts as standing; `1/ω` has no meaning there.
const STANDSTILL_RADIANS_PER_SECOND: f64 = 1.0;

/// What a wheel is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlywheelSpec {
    /// Moment of inertia in kg·m².
    pub inertia_kg_m2: f64,
    /// Lowest speed at which it gives power, in rad/s.
    pub speed_min_radians_per_second: f64,
    /// Highest speed to which it is charged, in rad/s.
    pub speed_max_radians_per_second: f64,
    /// Loss that does not depend on speed, in W.
    pub k0_watts: f64,
    /// Bearing loss per speed, in W·s/rad.
    pub k1_watts_per_speed: f64,
    /// Gas friction per cubed speed, in W·s³/rad³; rises with the vacuum's pressure.
    pub k3_watts_per_speed_cubed: f64,
    /// One-way efficiency while charging.
    pub efficiency_charge: f64,
    /// One-way efficiency while discharging.
    pub efficiency_discharge: f64,
    /// Rated electrical power in W.
    pub rated_watts: f64,
    /// Torque limit of the machine in N·m.
    pub torque_max_newton_metres: f64,
    /// Heat capacity of machine and rotor in J/K.
    pub heat_joules_per_kelvin: f64,
    /// Cooling in W/K.
    pub cooling_watts_per_kelvin: f64,
    /// It stops above so many K over its surroundings.
    pub kelvin_max: f64,
}

/// A wheel at some speed.
#[derive(Clone, Debug, PartialEq)]
pub struct Flywheel {
    spec: FlywheelSpec,
    speed_radians_per_second: f64,
    /// Times the normal pressure in its vacuum.
    pressure_times: f64,
    /// What a worn bearing adds, in W·s/rad.
    wear_watts_per_speed: f64,
    kelvin: f64,
    lockout: Option<Lockout>,
}

/// Why a wheel must not be used until it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockout {
    /// It was faster than [`OVER_SPEED_SHARE`] of its highest speed.
    OverSpeed,
    /// It was hotter than it may be.
    OverTemperature,
}

/// What one step lost, in J.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlywheelLoss {
    /// To electronics, bearings and gas.
    pub standing_joules: f64,
    /// In the machine while it converts.
    pub conversion_joules: f64,
}

impl Flywheel {
    /// A wheel that holds `usable_joules` above its lowest speed.
    pub fn charged(spec: FlywheelSpec, usable_joules: f64) -> Self {
        let energy_joules = spec.energy_joules(spec.speed_min_radians_per_second) + usable_joules;
        let speed_radians_per_second = (2.0 * energy_joules / spec.inertia_kg_m2).sqrt();
        Self {
            spec,
            speed_radians_per_second,
            pressure_times: 1.0,
            wear_watts_per_speed: 0.0,
            kelvin: 0.0,
            lockout: None,
        }
    }

    /// The pressure in its vacuum, in times of the normal one: gas friction rises with it.
    pub fn set_pressure_times(&mut self, times: f64) {
        self.pressure_times = times;
    }

    /// A worn bearing takes so many W more at the highest speed.
    pub fn set_bearing_watts(&mut self, watts: f64) {
        self.wear_watts_per_speed = watts / self.spec.speed_max_radians_per_second;
    }

    /// How much hotter than its surroundings it is, in K.
    pub fn kelvin(&self) -> f64 {
        self.kelvin
    }

    /// Why it must not be used, if so: it coasts, and is free again once it has lost its usable energy and cooled to
    /// half of its limit.
    pub fn lockout(&self) -> Option<Lockout> {
        self.lockout
    }

    /// Speed in rad/s.
    pub fn speed_radians_per_second(&self) -> f64 {
        self.speed_radians_per_second
    }

    /// Kinetic energy in J.
    pub fn energy_joules(&self) -> f64 {
        self.spec.energy_joules(self.speed_radians_per_second)
    }

    /// Kinetic energy above the lowest speed in J; negative after a long coast-down.
    pub fn usable_joules(&self) -> f64 {
        self.energy_joules() - self.spec.energy_joules(self.spec.speed_min_radians_per_second)
    }

    /// The most electrical power that it can give over the next `step_seconds`: `min(P_rated, T_max·ω)`, and no more
    /// than the energy above the lowest speed.
    pub fn discharge_max_watts(&self, step_seconds: f64) -> f64 {
        if self.lockout.is_some() {
            return 0.0;
        }
        let by_torque = self.spec.torque_max_newton_metres * self.speed_radians_per_second;
        let by_energy = self.usable_joules() * self.spec.efficiency_discharge / step_seconds;
        self.spec.rated_watts.min(by_torque).min(by_energy).max(0.0)
    }

    /// The most electrical power that it can take over the next `step_seconds`.
    pub fn charge_max_watts(&self, step_seconds: f64) -> f64 {
        if self.lockout.is_some() {
            return 0.0;
        }
        let by_torque = self.spec.torque_max_newton_metres * self.speed_radians_per_second;
        let room_joules = self.spec.energy_joules(self.spec.speed_max_radians_per_second) - self.energy_joules();
        let by_energy = room_joules / self.spec.efficiency_charge / step_seconds;
        self.spec.rated_watts.min(by_torque).min(by_energy).max(0.0)
    }

    /// Gives `power_watts` (takes, when negative) for `step_seconds`, by the midpoint rule.
    pub fn step(&mut self, power_watts: f64, step_seconds: f64) -> FlywheelLoss {
        if self.speed_radians_per_second < STANDSTILL_RADIANS_PER_SECOND {
            self.warm(0.0, step_seconds);
            return FlywheelLoss::default();
        }
        let shaft_watts = self.spec.shaft_watts(power_watts);
        let start = self.speed_radians_per_second;
        let slope = |speed: f64| (shaft_watts - self.standing_watts(speed)) / (self.spec.inertia_kg_m2 * speed);
        let middle = start + slope(start) * step_seconds / 2.0;
        self.speed_radians_per_second = start + slope(middle) * step_seconds;
        let standing_joules = self.standing_watts(middle) * step_seconds;
        let conversion_joules = (-power_watts - shaft_watts) * step_seconds;
        self.warm((standing_joules + conversion_joules) / step_seconds, step_seconds);
        self.guard();
        FlywheelLoss { standing_joules, conversion_joules }
    }

    /// `k0 + (k1 + wear)·ω + k3·p·ω³` in W.
    fn standing_watts(&self, speed: f64) -> f64 {
        let spec = &self.spec;
        let bearings = (spec.k1_watts_per_speed + self.wear_watts_per_speed) * speed;
        spec.k0_watts + bearings + spec.k3_watts_per_speed_cubed * self.pressure_times * speed * speed * speed
    }

    /// `C·dT/dt = P_loss − G·T`.
    fn warm(&mut self, heat_watts: f64, step_seconds: f64) {
        let flow_watts = heat_watts - self.spec.cooling_watts_per_kelvin * self.kelvin;
        self.kelvin += flow_watts * step_seconds / self.spec.heat_joules_per_kelvin;
    }

    fn guard(&mut self) {
        let spec = &self.spec;
        if self.speed_radians_per_second > OVER_SPEED_SHARE * spec.speed_max_radians_per_second {
            self.lockout = Some(Lockout::OverSpeed);
        } else if self.kelvin > spec.kelvin_max {
            self.lockout = Some(Lockout::OverTemperature);
        } else if self.lockout.is_some()
            && self.speed_radians_per_second < spec.speed_min_radians_per_second
            && self.kelvin < spec.kelvin_max / 2.0
        {
            self.lockout = None;
        }
    }
}

impl FlywheelSpec {
    /// `½·J·ω²` in J.
    pub fn energy_joules(&self, speed_radians_per_second: f64) -> f64 {
        0.5 * self.inertia_kg_m2 * speed_radians_per_second * speed_radians_per_second
    }

    /// Energy between the lowest and the highest speed in J.
    pub fn capacity_joules(&self) -> f64 {
        self.energy_joules(self.speed_max_radians_per_second) - self.energy_joules(self.speed_min_radians_per_second)
    }

    /// Power into the shaft while the terminals give `power_watts`.
    fn shaft_watts(&self, power_watts: f64) -> f64 {
        if power_watts > 0.0 { -power_watts / self.efficiency_discharge } else { -power_watts * self.efficiency_charge }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(k0: f64, k1: f64, k3: f64) -> Flywheel {
        let spec = FlywheelSpec {
            inertia_kg_m2: 0.375,
            speed_min_radians_per_second: 18_000.0 * RADIANS_PER_SECOND_PER_RPM,
            speed_max_radians_per_second: 36_750.0 * RADIANS_PER_SECOND_PER_RPM,
            k0_watts: k0,
            k1_watts_per_speed: k1,
            k3_watts_per_speed_cubed: k3,
            efficiency_charge: 0.95,
            efficiency_discharge: 0.95,
            rated_watts: 250_000.0,
            torque_max_newton_metres: 140.0,
            heat_joules_per_kelvin: 60_000.0,
            cooling_watts_per_kelvin: 60.0,
            kelvin_max: 80.0,
        };
        Flywheel::charged(spec, spec.capacity_joules())
    }

    fn run(wheel: &mut Flywheel, power_watts: f64, steps: u32) -> FlywheelLoss {
        (0..steps).fold(FlywheelLoss::default(), |sum, _| {
            let lost = wheel.step(power_watts, 0.001);
            FlywheelLoss {
                standing_joules: sum.standing_joules + lost.standing_joules,
                conversion_joules: sum.conversion_joules + lost.conversion_joules,
            }
        })
    }

    fn close(found: f64, expected: f64, relative: f64) {
        assert!(((found - expected) / expected).abs() < relative, "found {found}, expected {expected}");
    }

    #[test]
    fn the_window_of_the_data_sheet_holds_three_quarters_of_the_energy() {
        let wheel = wheel(0.0, 0.0, 0.0);
        close(wheel.energy_joules(), 2.777e6, 1e-3);
        close(wheel.usable_joules() / wheel.energy_joules(), 0.76, 1e-2);
    }

    #[test]
    fn spin_down_follows_its_closed_forms() {
        let (seconds, steps) = (20.0, 20_000);
        let start = wheel(0.0, 0.0, 0.0).speed_radians_per_second();

        let mut fixed = wheel(800.0, 0.0, 0.0);
        let energy_before = fixed.energy_joules();
        run(&mut fixed, 0.0, steps);
        close(fixed.energy_joules(), energy_before - 800.0 * seconds, 1e-9);

        let mut bearing = wheel(0.0, 0.5, 0.0);
        run(&mut bearing, 0.0, steps);
        close(bearing.speed_radians_per_second(), start - 0.5 * seconds / 0.375, 1e-9);

        // J·dω/dt = −k3·ω² has the solution ω0 / (1 + k3·ω0·t/J).
        let mut gas = wheel(0.0, 0.0, 1e-7);
        run(&mut gas, 0.0, steps);
        close(gas.speed_radians_per_second(), start / (1.0 + 1e-7 * start * seconds / 0.375), 1e-9);
    }

    #[test]
    fn a_leak_and_a_worn_bearing_slow_it_down() {
        let mut leaking = wheel(0.0, 0.0, 1e-8);
        let start = leaking.speed_radians_per_second();
        leaking.set_pressure_times(10.0);
        run(&mut leaking, 0.0, 20_000);
        close(leaking.speed_radians_per_second(), start / (1.0 + 1e-7 * start * 20.0 / 0.375), 1e-9);

        let mut worn = wheel(0.0, 0.0, 0.0);
        worn.set_bearing_watts(0.5 * worn.spec.speed_max_radians_per_second);
        run(&mut worn, 0.0, 20_000);
        close(worn.speed_radians_per_second(), start - 0.5 * 20.0 / 0.375, 1e-9);
    }

    /// With constant heat and cooling, `T = P/G·(1 − e^(−G·t/C))`.
    #[test]
    fn it_warms_as_its_closed_form_and_locks_itself_out() {
        let mut hot = wheel(2_400.0, 0.0, 0.0);
        run(&mut hot, 0.0, 100_000);
        close(hot.kelvin(), 40.0 * (1.0 - (-60.0_f64 * 100.0 / 60_000.0).exp()), 1e-4);
        assert_eq!(hot.lockout(), None);
        let mut hotter = wheel(60_000.0, 0.0, 0.0);
        hotter.spec.heat_joules_per_kelvin = 6_000.0;
        run(&mut hotter, 0.0, 12_000);
        assert_eq!(hotter.lockout(), Some(Lockout::OverTemperature));
        assert!(hotter.discharge_max_watts(0.001) <= 0.0 && hotter.charge_max_watts(0.001) <= 0.0);
    }

    #[test]
    fn over_speed_locks_it_out_until_it_has_coasted_down() {
        let mut wheel = wheel(400_000.0, 0.0, 0.0);
        wheel.speed_radians_per_second *= 1.06;
        wheel.step(0.0, 0.001);
        assert_eq!(wheel.lockout(), Some(Lockout::OverSpeed));
        wheel.kelvin = 0.0;
        while wheel.usable_joules() > 0.0 {
            assert_eq!(wheel.lockout(), Some(Lockout::OverSpeed));
            wheel.step(0.0, 0.001);
            wheel.kelvin = 0.0;
        }
        wheel.step(0.0, 0.001);
        assert_eq!(wheel.lockout(), None);
    }

    #[test]
    fn constant_power_draws_energy_linearly() {
        let mut wheel = wheel(0.0, 0.0, 0.0);
        let before = wheel.energy_joules();
        let lost = run(&mut wheel, 95_000.0, 10_000);
        close(wheel.energy_joules(), before - 100_000.0 * 10.0, 1e-8);
        close(lost.conversion_joules, 5_000.0 * 10.0, 1e-8);
    }

    #[test]
    fn an_empty_wheel_gives_nothing_and_a_full_one_takes_nothing() {
        let full = wheel(0.0, 0.0, 0.0);
        assert!(full.charge_max_watts(0.001) < 1.0);
        let empty = Flywheel::charged(full.spec, 0.0);
        assert!(empty.discharge_max_watts(0.001) < 1.0);
        let slow = Flywheel::charged(FlywheelSpec { torque_max_newton_metres: 50.0, ..full.spec }, 10_000.0);
        close(slow.discharge_max_watts(0.001), 50.0 * slow.speed_radians_per_second(), 1e-12);
    }
}
