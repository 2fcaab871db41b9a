//! A supercapacitor bank behind its series resistance: it answers the first milliseconds.
//!
//! `V_t = v_c − I·ESR`, `dv_c/dt = −(I + I_leak)/C`, `P_max = v_c²/(4·ESR)`, `E = ½·C·v_c²`, as the physics page
//! gives them. The terminal power is prescribed, so the current is the smaller root of `P = (v_c − I·ESR)·I`.

/// How much of `v_c²/(4·ESR)` is used: at the very top, half of the power heats the bank.
const MATCHED_POWER_SHARE_MAX: f64 = 0.9;

/// What a bank is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SupercapacitorSpec {
    /// Capacitance in F.
    pub capacitance_farads: f64,
    /// Equivalent series resistance in Ω.
    pub resistance_ohms: f64,
    /// Leakage current in A.
    pub leak_amps: f64,
    /// Lowest working potential in V.
    pub volts_min: f64,
    /// Highest working potential in V.
    pub volts_max: f64,
    /// Potential at which it rests, below the highest so that it can take up what a braking wheel gives, in V.
    pub volts_rest: f64,
}

/// A bank at some potential.
#[derive(Clone, Debug, PartialEq)]
pub struct Supercapacitor {
    spec: SupercapacitorSpec,
    volts: f64,
}

/// What one step lost, in J.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SupercapacitorLoss {
    /// In the series resistance.
    pub resistance_joules: f64,
    /// To leakage.
    pub leak_joules: f64,
}

impl Supercapacitor {
    /// A bank at `volts`.
    pub fn at(spec: SupercapacitorSpec, volts: f64) -> Self {
        Self { spec, volts }
    }

    /// Open-circuit potential in V.
    pub fn volts(&self) -> f64 {
        self.volts
    }

    /// Stored energy in J.
    pub fn energy_joules(&self) -> f64 {
        self.spec.energy_joules(self.volts)
    }

    /// Stored energy above the lowest working potential in J.
    pub fn usable_joules(&self) -> f64 {
        self.energy_joules() - self.spec.energy_joules(self.spec.volts_min)
    }

    /// Energy that is missing to the resting potential in J; negative when there is more.
    pub fn missing_joules(&self) -> f64 {
        self.spec.energy_joules(self.spec.volts_rest) - self.energy_joules()
    }

    /// The most power that it can give over the next `step_seconds`.
    pub fn discharge_max_watts(&self, step_seconds: f64) -> f64 {
        let by_resistance = MATCHED_POWER_SHARE_MAX * self.volts * self.volts / (4.0 * self.spec.resistance_ohms);
        // At constant power the bank itself loses more than the terminals give: leave that share of the energy.
        let by_energy = self.usable_joules() / step_seconds / (1.0 + lost_share());
        by_resistance.min(by_energy).max(0.0)
    }

    /// The most power that it can take over the next `step_seconds`.
    pub fn charge_max_watts(&self, step_seconds: f64) -> f64 {
        let room_joules = self.spec.energy_joules(self.spec.volts_max) - self.energy_joules();
        (room_joules / step_seconds).max(0.0)
    }

    /// Gives `power_watts` (takes, when negative) for `step_seconds`, by the midpoint rule.
    pub fn step(&mut self, power_watts: f64, step_seconds: f64) -> SupercapacitorLoss {
        let leak_amps = if self.volts > 0.0 { self.spec.leak_amps } else { 0.0 };
        let slope = |amps: f64| -(amps + leak_amps) / self.spec.capacitance_farads;
        let start_amps = self.spec.amps(self.volts, power_watts);
        let middle_volts = self.volts + slope(start_amps) * step_seconds / 2.0;
        let amps = self.spec.amps(middle_volts, power_watts);
        self.volts += slope(amps) * step_seconds;
        SupercapacitorLoss {
            resistance_joules: amps * amps * self.spec.resistance_ohms * step_seconds,
            leak_joules: leak_amps * middle_volts * step_seconds,
        }
    }
}

impl SupercapacitorSpec {
    /// `½·C·v²` in J.
    pub fn energy_joules(&self, volts: f64) -> f64 {
        0.5 * self.capacitance_farads * volts * volts
    }

    /// Energy between the lowest and the resting potential in J.
    pub fn capacity_joules(&self) -> f64 {
        self.energy_joules(self.volts_rest) - self.energy_joules(self.volts_min)
    }

    /// The smaller root of `P = (v − I·ESR)·I`, in the form that loses no digits at small power.
    fn amps(&self, volts: f64, power_watts: f64) -> f64 {
        let discriminant = (volts * volts - 4.0 * self.resistance_ohms * power_watts).max(0.0);
        let sum = volts + discriminant.sqrt();
        if sum > 0.0 { 2.0 * power_watts / sum } else { 0.0 }
    }
}

/// What the resistance takes over what the terminals give, at the highest power in use: from the root of the current.
fn lost_share() -> f64 {
    let root = (1.0 - MATCHED_POWER_SHARE_MAX).sqrt();
    (1.0 - root) / (1.0 + root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(resistance_ohms: f64, leak_amps: f64) -> SupercapacitorSpec {
        SupercapacitorSpec {
            capacitance_farads: 0.5,
            resistance_ohms,
            leak_amps,
            volts_min: 400.0,
            volts_max: 800.0,
            volts_rest: 780.0,
        }
    }

    fn close(found: f64, expected: f64, relative: f64) {
        assert!(((found - expected) / expected).abs() < relative, "found {found}, expected {expected}");
    }

    #[test]
    fn the_window_of_the_data_sheet_holds_120_kilojoules() {
        close(Supercapacitor::at(spec(0.095, 0.0), 800.0).usable_joules(), 120_000.0, 1e-12);
    }

    /// With `a² = 4·ESR·P`, the time from `v0` to `v1` at constant power is
    /// `C/(2P)·[v²/2 + v·√(v² − a²)/2 − a²/2·ln(v + √(v² − a²))]` between the two.
    #[test]
    fn constant_power_discharge_follows_its_closed_form() {
        let (power_watts, spec) = (50_000.0, spec(0.095, 0.0));
        let mut bank = Supercapacitor::at(spec, 800.0);
        let mut lost_joules = 0.0;
        for _ in 0..1_500 {
            lost_joules += bank.step(power_watts, 0.001).resistance_joules;
        }
        let square = 4.0 * spec.resistance_ohms * power_watts;
        let antiderivative = |volts: f64| {
            let root = (volts * volts - square).sqrt();
            volts * volts / 2.0 + volts * root / 2.0 - square / 2.0 * (volts + root).ln()
        };
        let seconds =
            spec.capacitance_farads / (2.0 * power_watts) * (antiderivative(800.0) - antiderivative(bank.volts()));
        close(seconds, 1.5, 1e-7);
        let taken_joules = spec.energy_joules(800.0) - bank.energy_joules();
        close(taken_joules, power_watts * 1.5 + lost_joules, 1e-7);
    }

    #[test]
    fn leakage_lowers_the_potential_linearly() {
        let mut bank = Supercapacitor::at(spec(0.095, 0.0052), 800.0);
        for _ in 0..10_000 {
            bank.step(0.0, 0.001);
        }
        close(bank.volts(), 800.0 - 0.0052 * 10.0 / 0.5, 1e-12);
    }

    #[test]
    fn it_stops_at_both_ends_of_its_window() {
        let mut bank = Supercapacitor::at(spec(0.095, 0.0), 450.0);
        for _ in 0..5_000 {
            bank.step(bank.discharge_max_watts(0.001).min(60_000.0), 0.001);
        }
        assert!((400.0..400.5).contains(&bank.volts()), "{}", bank.volts());
        for _ in 0..5_000 {
            bank.step(-bank.charge_max_watts(0.001).min(60_000.0), 0.001);
        }
        assert!((799.0..=800.0).contains(&bank.volts()), "{}", bank.volts());
    }
}
