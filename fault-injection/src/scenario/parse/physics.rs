//! `[flywheel]`, `[supercapacitor]`, `[plant]` and `[server_supply]`: physics that only the plant knows, refused where
//! it cannot be.

use ridethrough_core::site::Site;
use serde::Deserialize;
use toml::Spanned;

use super::super::Physics;
use super::{Checker, RawScenario};
use crate::plant::real;

/// A module's physics and its site file may differ by so much in what it stores.
const CAPACITY_TOLERANCE: f64 = 0.02;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawFlywheel {
    inertia_kg_m2: Option<Spanned<f64>>,
    speed_min_rpm: Option<Spanned<f64>>,
    speed_max_rpm: Option<Spanned<f64>>,
    efficiency_charge: Option<Spanned<f64>>,
    efficiency_discharge: Option<Spanned<f64>>,
    standing_fixed_watts: Option<Spanned<f64>>,
    standing_bearing_watts: Option<Spanned<f64>>,
    standing_gas_watts: Option<Spanned<f64>>,
    slew_seconds: Option<Spanned<f64>>,
    machine_joules_per_kelvin: Option<Spanned<f64>>,
    machine_watts_per_kelvin: Option<Spanned<f64>>,
    machine_kelvin_max: Option<Spanned<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSupercapacitor {
    capacitance_farads: Option<Spanned<f64>>,
    resistance_ohms: Option<Spanned<f64>>,
    leak_amps: Option<Spanned<f64>>,
    min_volts: Option<Spanned<f64>>,
    max_volts: Option<Spanned<f64>>,
    rest_volts: Option<Spanned<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPlant {
    converter_slew_seconds: Option<Spanned<f64>>,
    charge_start: Option<Spanned<f64>>,
    breaker_cooling_seconds: Option<Spanned<f64>>,
    feeder_ohms: Option<Spanned<f64>>,
    row_feed_ohms: Option<Spanned<f64>>,
    walk_in_seconds: Option<Spanned<f64>>,
    droop_share: Option<Spanned<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServerSupply {
    holdup_full_ms: Option<Spanned<f64>>,
    holdup_70_ms: Option<Spanned<f64>>,
    restart_seconds: Option<Spanned<f64>>,
    cap_lag_seconds: Option<Spanned<f64>>,
}

impl Checker<'_> {
    pub(super) fn physics(&mut self, raw: &RawScenario) -> Physics {
        let mut physics = Physics::default();
        self.flywheel(&raw.flywheel, &mut physics);
        self.supercapacitor(&raw.supercapacitor, &mut physics);
        self.plant(&raw.plant, &mut physics);
        self.server_supply(&raw.server_supply, &mut physics);
        self.windows(raw, &physics);
        physics
    }

    fn flywheel(&mut self, raw: &RawFlywheel, to: &mut Physics) {
        let mut set = |given: &Option<Spanned<f64>>, field: &str, place: &mut f64, range| {
            self.set(given.as_ref(), &format!("flywheel.{field}"), place, range);
        };
        set(&raw.inertia_kg_m2, "inertia_kg_m2", &mut to.inertia_kg_m2, 1e-3..=1e4);
        set(&raw.speed_min_rpm, "speed_min_rpm", &mut to.speed_min_rpm, 100.0..=1e5);
        set(&raw.speed_max_rpm, "speed_max_rpm", &mut to.speed_max_rpm, 100.0..=1e5);
        set(&raw.efficiency_charge, "efficiency_charge", &mut to.efficiency_charge, 0.5..=1.0);
        set(&raw.efficiency_discharge, "efficiency_discharge", &mut to.efficiency_discharge, 0.5..=1.0);
        set(&raw.standing_fixed_watts, "standing_fixed_watts", &mut to.standing_fixed_watts, 0.0..=1e5);
        set(&raw.standing_bearing_watts, "standing_bearing_watts", &mut to.standing_bearing_watts, 0.0..=1e5);
        set(&raw.standing_gas_watts, "standing_gas_watts", &mut to.standing_gas_watts, 0.0..=1e5);
        set(&raw.slew_seconds, "slew_seconds", &mut to.wheel_slew_seconds, 1e-3..=10.0);
        set(&raw.machine_joules_per_kelvin, "machine_joules_per_kelvin", &mut to.machine_joules_per_kelvin, 1.0..=1e7);
        set(&raw.machine_watts_per_kelvin, "machine_watts_per_kelvin", &mut to.machine_watts_per_kelvin, 0.1..=1e5);
        set(&raw.machine_kelvin_max, "machine_kelvin_max", &mut to.machine_kelvin_max, 1.0..=500.0);
    }

    fn supercapacitor(&mut self, raw: &RawSupercapacitor, to: &mut Physics) {
        let mut set = |given: &Option<Spanned<f64>>, field: &str, place: &mut f64, range| {
            self.set(given.as_ref(), &format!("supercapacitor.{field}"), place, range);
        };
        set(&raw.capacitance_farads, "capacitance_farads", &mut to.capacitance_farads, 1e-3..=1e3);
        set(&raw.resistance_ohms, "resistance_ohms", &mut to.capacitor_ohms, 1e-4..=10.0);
        set(&raw.leak_amps, "leak_amps", &mut to.capacitor_leak_amps, 0.0..=10.0);
        set(&raw.min_volts, "min_volts", &mut to.capacitor_volts_min, 1.0..=2_000.0);
        set(&raw.max_volts, "max_volts", &mut to.capacitor_volts_max, 1.0..=2_000.0);
        set(&raw.rest_volts, "rest_volts", &mut to.capacitor_volts_rest, 1.0..=2_000.0);
    }

    fn plant(&mut self, raw: &RawPlant, to: &mut Physics) {
        let mut set = |given: &Option<Spanned<f64>>, field: &str, place: &mut f64, range| {
            self.set(given.as_ref(), &format!("plant.{field}"), place, range);
        };
        set(&raw.converter_slew_seconds, "converter_slew_seconds", &mut to.converter_slew_seconds, 1e-3..=10.0);
        set(&raw.charge_start, "charge_start", &mut to.charge_start, 0.0..=1.0);
        set(&raw.breaker_cooling_seconds, "breaker_cooling_seconds", &mut to.breaker_cooling_seconds, 1.0..=1e5);
        set(&raw.feeder_ohms, "feeder_ohms", &mut to.feeder_ohms, 0.0..=1.0);
        set(&raw.row_feed_ohms, "row_feed_ohms", &mut to.row_feed_ohms, 0.0..=1.0);
        set(&raw.walk_in_seconds, "walk_in_seconds", &mut to.walk_in_seconds, 0.01..=300.0);
        set(&raw.droop_share, "droop_share", &mut to.droop_share, 0.0..=0.2);
    }

    fn server_supply(&mut self, raw: &RawServerSupply, to: &mut Physics) {
        let (mut full_ms, mut at_70_ms) = (to.holdup_full_seconds * 1e3, to.holdup_70_seconds * 1e3);
        let mut set = |given: &Option<Spanned<f64>>, field: &str, place: &mut f64, range| {
            self.set(given.as_ref(), &format!("server_supply.{field}"), place, range);
        };
        set(&raw.holdup_full_ms, "holdup_full_ms", &mut full_ms, 0.0..=10_000.0);
        set(&raw.holdup_70_ms, "holdup_70_ms", &mut at_70_ms, 0.0..=10_000.0);
        set(&raw.restart_seconds, "restart_seconds", &mut to.restart_seconds, 0.0..=3_600.0);
        set(&raw.cap_lag_seconds, "cap_lag_seconds", &mut to.cap_lag_seconds, 0.001..=60.0);
        if at_70_ms < full_ms {
            let given = raw.holdup_70_ms.as_ref().or(raw.holdup_full_ms.as_ref()).map(Spanned::span);
            let reason = format!("{at_70_ms}, expected at least holdup_full_ms ({full_ms}): less load lasts longer");
            self.fault(&given.unwrap_or_default(), "server_supply.holdup_70_ms", reason);
        }
        (to.holdup_full_seconds, to.holdup_70_seconds) = (full_ms / 1e3, at_70_ms / 1e3);
    }

    /// Windows that are empty or the wrong way round.
    fn windows(&mut self, raw: &RawScenario, physics: &Physics) {
        if physics.speed_min_rpm >= physics.speed_max_rpm {
            let span = raw.flywheel.speed_max_rpm.as_ref().or(raw.flywheel.speed_min_rpm.as_ref()).map(Spanned::span);
            let reason =
                format!("{}, expected more than speed_min_rpm ({})", physics.speed_max_rpm, physics.speed_min_rpm);
            self.fault(&span.unwrap_or_default(), "flywheel.speed_max_rpm", reason);
        }
        let (min, rest, max) = (physics.capacitor_volts_min, physics.capacitor_volts_rest, physics.capacitor_volts_max);
        if !(min < rest && rest <= max) {
            let bank = &raw.supercapacitor;
            let given = bank.rest_volts.as_ref().or(bank.max_volts.as_ref()).or(bank.min_volts.as_ref());
            let reason = format!("{rest}, expected more than min_volts ({min}) and at most max_volts ({max})");
            self.fault(&given.map(Spanned::span).unwrap_or_default(), "supercapacitor.rest_volts", reason);
        }
    }

    /// What the site file promises of a module and what its physics stores must agree, or the controller would plan
    /// with energy that is not there.
    pub(super) fn capacities(&mut self, raw: &RawScenario, physics: &Physics, site: &Site) {
        for kesm in &site.kesms {
            let promised_joules = real(kesm.capacity.get());
            let stored_joules = physics.kesm(kesm).capacity_joules();
            if (stored_joules / promised_joules - 1.0).abs() > CAPACITY_TOLERANCE {
                let span = raw.flywheel.inertia_kg_m2.as_ref().map(Spanned::span).unwrap_or_default();
                let reason = format!(
                    "wheel and bank store {stored_joules:.0} J, expected the capacity_joules of kesm `{}` \
                     ({promised_joules:.0}) within 2 %",
                    kesm.name
                );
                self.fault(&span, "flywheel", reason);
            }
        }
    }
}
