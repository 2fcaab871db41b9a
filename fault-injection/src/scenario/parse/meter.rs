//! `[meter]`: how good the meters are.

use serde::Deserialize;
use toml::Spanned;

use super::Checker;
use crate::plant::meter::{LATENCY_MS_MAX, MeterSpec, SAMPLE_MS_MAX, SAMPLE_MS_MIN};

/// Between two samples of a meter, in ms.
const SAMPLE_MS: std::ops::RangeInclusive<i64> = SAMPLE_MS_MIN.cast_signed()..=SAMPLE_MS_MAX.cast_signed();
/// No clock of a device is further ahead than a day, in ms.
const CLOCK_OFFSET_MS_MAX: i64 = 24 * 3_600 * 1_000;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMeter {
    power_noise_share: Option<Spanned<f64>>,
    power_quantum_watts: Option<Spanned<f64>>,
    energy_noise_share: Option<Spanned<f64>>,
    energy_quantum_joules: Option<Spanned<f64>>,
    volts_noise_share: Option<Spanned<f64>>,
    quantum_volts: Option<Spanned<f64>>,
    sample_ms: Option<Spanned<i64>>,
    latency_ms: Option<Spanned<[i64; 2]>>,
    clock_offset_max_ms: Option<Spanned<i64>>,
    clock_drift_max_ppm: Option<Spanned<f64>>,
}

impl Checker<'_> {
    pub(super) fn meters(&mut self, raw: &RawMeter) -> MeterSpec {
        let mut to = MeterSpec::default();
        let mut set = |given: &Option<Spanned<f64>>, field: &str, place: &mut f64, range| {
            self.set(given.as_ref(), &format!("meter.{field}"), place, range);
        };
        set(&raw.power_noise_share, "power_noise_share", &mut to.power_noise_share, 0.0..=0.1);
        set(&raw.power_quantum_watts, "power_quantum_watts", &mut to.power_quantum_watts, 1.0..=1e4);
        set(&raw.energy_noise_share, "energy_noise_share", &mut to.energy_noise_share, 0.0..=0.1);
        set(&raw.energy_quantum_joules, "energy_quantum_joules", &mut to.energy_quantum_joules, 1.0..=1e6);
        set(&raw.volts_noise_share, "volts_noise_share", &mut to.volts_noise_share, 0.0..=0.1);
        set(&raw.quantum_volts, "quantum_volts", &mut to.volts_quantum, 1e-3..=100.0);
        set(&raw.clock_drift_max_ppm, "clock_drift_max_ppm", &mut to.clock_drift_ppm_max, 0.0..=1_000.0);
        self.latency(raw, &mut to);
        to.sample_ms = self.whole(raw.sample_ms.as_ref(), "meter.sample_ms", to.sample_ms, SAMPLE_MS);
        to.clock_offset_ms_max = self.whole(
            raw.clock_offset_max_ms.as_ref(),
            "meter.clock_offset_max_ms",
            to.clock_offset_ms_max,
            0..=CLOCK_OFFSET_MS_MAX,
        );
        to
    }

    fn latency(&mut self, raw: &RawMeter, to: &mut MeterSpec) {
        let Some(given) = &raw.latency_ms else { return };
        let [least, greatest] = *given.get_ref();
        match (u64::try_from(least), u64::try_from(greatest)) {
            (Ok(least), Ok(greatest)) if 1 <= least && least <= greatest && greatest <= LATENCY_MS_MAX => {
                (to.latency_ms_min, to.latency_ms_max) = (least, greatest);
            }
            _ => {
                let reason = format!("[{least}, {greatest}], expected 1 ≤ least ≤ greatest ≤ {LATENCY_MS_MAX}");
                self.fault(&given.span(), "meter.latency_ms", reason);
            }
        }
    }
}
