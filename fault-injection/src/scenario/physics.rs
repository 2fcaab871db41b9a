//! What only the plant knows of its devices, with the defaults of the physics page scaled to a 50 kW module.

use ridethrough_core::site::Kesm as SiteKesm;

use crate::plant::converter::Converter;
use crate::plant::flywheel::{FlywheelSpec, RADIANS_PER_SECOND_PER_RPM};
use crate::plant::kesm::KesmSpec;
use crate::plant::real;
use crate::plant::supercapacitor::SupercapacitorSpec;

/// Physics of every module, converter, feeder and breaker of a plant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Physics {
    /// Moment of inertia of a wheel in kg·m².
    pub inertia_kg_m2: f64,
    /// Lowest working speed in rpm.
    pub speed_min_rpm: f64,
    /// Highest working speed in rpm.
    pub speed_max_rpm: f64,
    /// One-way efficiency of the machine while charging.
    pub efficiency_charge: f64,
    /// One-way efficiency of the machine while discharging.
    pub efficiency_discharge: f64,
    /// Standing loss that does not depend on speed, in W.
    pub standing_fixed_watts: f64,
    /// Bearing loss at the highest speed in W; grows with the speed.
    pub standing_bearing_watts: f64,
    /// Gas friction at the highest speed in W; grows with its cube.
    pub standing_gas_watts: f64,
    /// Time in which the wheel's machine goes from nothing to its rating, in s.
    pub wheel_slew_seconds: f64,
    /// Capacitance of a bank in F.
    pub capacitance_farads: f64,
    /// Series resistance of a bank in Ω.
    pub capacitor_ohms: f64,
    /// Leakage of a bank in A.
    pub capacitor_leak_amps: f64,
    /// Lowest working potential of a bank in V.
    pub capacitor_volts_min: f64,
    /// Highest working potential of a bank in V.
    pub capacitor_volts_max: f64,
    /// Potential at which a bank rests, in V.
    pub capacitor_volts_rest: f64,
    /// Time in which the converter of a module or a tie goes from nothing to its rating, in s.
    pub converter_slew_seconds: f64,
    /// How full modules are at the start, 0 to 1.
    pub charge_start: f64,
    /// Time in which the heat of a breaker falls to 1/e, in s.
    pub breaker_cooling_seconds: f64,
    /// Resistance of a rack's feeder, both conductors, in Ω.
    pub feeder_ohms: f64,
    /// Resistance of a row's feed, both conductors, in Ω.
    pub row_feed_ohms: f64,
    /// After a sag, a module hands its rack back to the feed over this time, in s.
    pub walk_in_seconds: f64,
    /// Droop of a module's converter on an islanded bus, from nothing to its rating, as a share of nominal.
    pub droop_share: f64,
    /// Heat capacity of a wheel's machine in J/K.
    pub machine_joules_per_kelvin: f64,
    /// Cooling of a wheel's machine in W/K.
    pub machine_watts_per_kelvin: f64,
    /// The machine stops above so many K over its surroundings.
    pub machine_kelvin_max: f64,
    /// How long servers live on a dead bus at full load, in s.
    pub holdup_full_seconds: f64,
    /// How long they live at 70 % of full load, in s.
    pub holdup_70_seconds: f64,
    /// From power back on the bus until servers that had failed work again, in s.
    pub restart_seconds: f64,
    /// With what time constant a server follows its cap, in s.
    pub cap_lag_seconds: f64,
}

impl Default for Physics {
    /// Wheel and bank are those of the physics page; times and standing losses are typical values (marked (r) there).
    fn default() -> Self {
        Self {
            inertia_kg_m2: 0.375,
            speed_min_rpm: 18_000.0,
            speed_max_rpm: 36_750.0,
            efficiency_charge: 0.95,
            efficiency_discharge: 0.95,
            standing_fixed_watts: 50.0,
            standing_bearing_watts: 100.0,
            standing_gas_watts: 150.0,
            wheel_slew_seconds: 0.05,
            capacitance_farads: 0.1,
            capacitor_ohms: 0.095,
            capacitor_leak_amps: 0.005_2,
            capacitor_volts_min: 400.0,
            capacitor_volts_max: 800.0,
            capacitor_volts_rest: 770.0,
            converter_slew_seconds: 0.005,
            charge_start: 0.9,
            breaker_cooling_seconds: 300.0,
            feeder_ohms: 0.002,
            row_feed_ohms: 0.001,
            walk_in_seconds: 5.0,
            droop_share: 0.02,
            machine_joules_per_kelvin: 60_000.0,
            machine_watts_per_kelvin: 60.0,
            machine_kelvin_max: 80.0,
            holdup_full_seconds: 0.010,
            holdup_70_seconds: 0.012,
            restart_seconds: 60.0,
            cap_lag_seconds: 0.6,
        }
    }
}

impl Physics {
    /// The module that the site file describes, with this physics.
    pub fn kesm(&self, site: &SiteKesm) -> KesmSpec {
        let converter = Converter::new(site.rated, site.converter);
        KesmSpec {
            flywheel: self.flywheel(converter.rated_watts),
            supercapacitor: SupercapacitorSpec {
                capacitance_farads: self.capacitance_farads,
                resistance_ohms: self.capacitor_ohms,
                leak_amps: self.capacitor_leak_amps,
                volts_min: self.capacitor_volts_min,
                volts_max: self.capacitor_volts_max,
                volts_rest: self.capacitor_volts_rest,
            },
            converter,
            charge_rated_watts: real(site.charge_rated.get()),
            converter_slew_watts_per_second: converter.rated_watts / self.converter_slew_seconds,
            wheel_slew_watts_per_second: converter.rated_watts / self.wheel_slew_seconds,
        }
    }

    /// From power back on the bus until servers that had failed work again, in ms.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub fn restart_ms(&self) -> u64 {
        (self.restart_seconds * 1_000.0).round() as u64
    }

    /// A wheel whose machine covers the converter's losses at `rated_watts`, down to its lowest speed.
    fn flywheel(&self, rated_watts: f64) -> FlywheelSpec {
        /// Over the rating: the converter's losses and the refilling of the bank.
        const MACHINE_MARGIN: f64 = 1.2;
        let speed_min = self.speed_min_rpm * RADIANS_PER_SECOND_PER_RPM;
        let speed_max = self.speed_max_rpm * RADIANS_PER_SECOND_PER_RPM;
        let machine_watts = rated_watts * MACHINE_MARGIN;
        FlywheelSpec {
            inertia_kg_m2: self.inertia_kg_m2,
            speed_min_radians_per_second: speed_min,
            speed_max_radians_per_second: speed_max,
            k0_watts: self.standing_fixed_watts,
            k1_watts_per_speed: self.standing_bearing_watts / speed_max,
            k3_watts_per_speed_cubed: self.standing_gas_watts / speed_max.powi(3),
            efficiency_charge: self.efficiency_charge,
            efficiency_discharge: self.efficiency_discharge,
            rated_watts: machine_watts,
            torque_max_newton_metres: machine_watts / speed_min,
            heat_joules_per_kelvin: self.machine_joules_per_kelvin,
            cooling_watts_per_kelvin: self.machine_watts_per_kelvin,
            kelvin_max: self.machine_kelvin_max,
        }
    }
}
