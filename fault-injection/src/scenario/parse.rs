//! From a TOML text to a checked [`Scenario`], or to every fault in it with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use ridethrough_core::site::{Fault, RackId, Site};
use serde::Deserialize;
use toml::Spanned;

use super::{Physics, Scenario, ScenarioError, read};
use crate::plant::meter::{LATENCY_MS_MAX, MeterSpec};
use crate::plant::real;
use crate::plant::server::{Playback, Sample};
use crate::plant::supply::SupplySpec;
use crate::trace::{self, Trace};

/// A piece of a recording may be played so often in a row.
const REPEAT_MAX: i64 = 1_000;
/// No cycle of a server is longer than a day.
const CYCLE_MS_MAX: u64 = 24 * 3_600 * 1_000;
/// A module's physics and its site file may differ by so much in what it stores.
const CAPACITY_TOLERANCE: f64 = 0.02;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: String,
    seed: Spanned<i64>,
    site: Spanned<String>,
    data: Spanned<String>,
    #[serde(default)]
    flywheel: RawFlywheel,
    #[serde(default)]
    supercapacitor: RawSupercapacitor,
    #[serde(default)]
    plant: RawPlant,
    #[serde(default)]
    meter: RawMeter,
    #[serde(default)]
    server: Vec<RawServer>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFlywheel {
    inertia_kg_m2: Option<Spanned<f64>>,
    speed_min_rpm: Option<Spanned<f64>>,
    speed_max_rpm: Option<Spanned<f64>>,
    efficiency_charge: Option<Spanned<f64>>,
    efficiency_discharge: Option<Spanned<f64>>,
    standing_fixed_watts: Option<Spanned<f64>>,
    standing_bearing_watts: Option<Spanned<f64>>,
    standing_gas_watts: Option<Spanned<f64>>,
    slew_seconds: Option<Spanned<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSupercapacitor {
    capacitance_farads: Option<Spanned<f64>>,
    resistance_ohms: Option<Spanned<f64>>,
    leak_amps: Option<Spanned<f64>>,
    min_volts: Option<Spanned<f64>>,
    max_volts: Option<Spanned<f64>>,
    rest_volts: Option<Spanned<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPlant {
    converter_slew_seconds: Option<Spanned<f64>>,
    charge_start: Option<Spanned<f64>>,
    breaker_cooling_seconds: Option<Spanned<f64>>,
    feeder_ohms: Option<Spanned<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawMeter {
    power_noise_share: Option<Spanned<f64>>,
    power_quantum_watts: Option<Spanned<f64>>,
    energy_noise_share: Option<Spanned<f64>>,
    energy_quantum_joules: Option<Spanned<f64>>,
    volts_noise_share: Option<Spanned<f64>>,
    quantum_volts: Option<Spanned<f64>>,
    latency_ms: Option<Spanned<[i64; 2]>>,
    clock_offset_max_ms: Option<Spanned<i64>>,
    clock_drift_max_ppm: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServer {
    id: Spanned<String>,
    #[serde(default)]
    delay_s: Option<Spanned<f64>>,
    play: Spanned<Vec<RawPiece>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPiece {
    trace: Spanned<String>,
    #[serde(default)]
    series: Option<Spanned<String>>,
    from_s: Spanned<f64>,
    to_s: Spanned<f64>,
    #[serde(default)]
    repeat: Option<Spanned<i64>>,
}

/// Reads a scenario from TOML.
pub(super) fn scenario(file: &str, text: &str, folder: &Path) -> Result<Scenario, ScenarioError> {
    let faulty = |faults| ScenarioError::Faults { file: file.to_owned(), faults };
    let raw: RawScenario = toml::from_str(text).map_err(|error| faulty(vec![Fault::syntax(text, &error)]))?;
    let site_path = folder.join(raw.site.get_ref());
    let site_text = read(&site_path)?;
    let site = Site::parse(&site_path.display().to_string(), &site_text).map_err(ScenarioError::Site)?;
    let mut checker =
        Checker { text, faults: Vec::new(), data: folder.join(raw.data.get_ref()), traces: BTreeMap::new() };
    let scenario = checker.scenario(raw, site);
    if checker.faults.is_empty() { Ok(scenario) } else { Err(faulty(checker.faults)) }
}

/// Field, place and reason.
type PieceFault = (&'static str, Range<usize>, String);

struct Checker<'a> {
    text: &'a str,
    faults: Vec<Fault>,
    data: PathBuf,
    traces: BTreeMap<String, Result<Trace, String>>,
}

impl Checker<'_> {
    fn scenario(&mut self, raw: RawScenario, site: Site) -> Scenario {
        let physics = self.physics(&raw);
        self.capacities(&raw, &physics, &site);
        let meters = self.meters(&raw.meter);
        let playbacks = self.playbacks(&raw, &site);
        let seed = u64::try_from(*raw.seed.get_ref()).unwrap_or_else(|_| {
            self.fault(&raw.seed.span(), "seed", format!("{}, expected 0 or more", raw.seed.get_ref()));
            0
        });
        let supplies = vec![SupplySpec::default(); site.feeds.len()];
        Scenario {
            name: raw.name,
            seed,
            site,
            physics,
            meters,
            playbacks,
            supplies,
            events: Vec::new(),
            span_ms: 300_000,
            about: String::new(),
        }
    }

    fn fault(&mut self, span: &Range<usize>, field: &str, reason: String) {
        self.faults.push(Fault::at(self.text, span, field, reason));
    }

    /// Puts a given value in the place of the default; outside of the range is a fault.
    fn set(&mut self, given: Option<&Spanned<f64>>, field: &str, place: &mut f64, range: RangeInclusive<f64>) {
        let Some(given) = given else { return };
        if range.contains(given.get_ref()) {
            *place = *given.get_ref();
        } else {
            let reason = format!("{}, expected {} to {}", given.get_ref(), range.start(), range.end());
            self.fault(&given.span(), field, reason);
        }
    }

    fn physics(&mut self, raw: &RawScenario) -> Physics {
        let mut physics = Physics::default();
        self.flywheel(&raw.flywheel, &mut physics);
        self.supercapacitor(&raw.supercapacitor, &mut physics);
        self.plant(&raw.plant, &mut physics);
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
    fn capacities(&mut self, raw: &RawScenario, physics: &Physics, site: &Site) {
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

    fn meters(&mut self, raw: &RawMeter) -> MeterSpec {
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
        self.clock_offset(raw, &mut to);
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

    fn clock_offset(&mut self, raw: &RawMeter, to: &mut MeterSpec) {
        let Some(given) = &raw.clock_offset_max_ms else { return };
        match u64::try_from(*given.get_ref()) {
            Ok(offset_ms) if offset_ms <= CYCLE_MS_MAX => to.clock_offset_ms_max = offset_ms,
            _ => {
                let reason = format!("{}, expected 0 to {CYCLE_MS_MAX}", given.get_ref());
                self.fault(&given.span(), "meter.clock_offset_max_ms", reason);
            }
        }
    }

    fn playbacks(&mut self, raw: &RawScenario, site: &Site) -> Vec<Playback> {
        let by_name = self.servers_by_name(raw, site);
        let equipped: BTreeSet<RackId> = site.servers.iter().map(|server| server.rack).collect();
        for rack in site.rack_ids().filter(|id| !equipped.contains(id)) {
            let reason = format!("rack `{}` of the site has no servers, so nothing to replay", site.rack(rack).name);
            self.fault(&raw.site.span(), "site", reason);
        }
        let mut playbacks = Vec::with_capacity(site.servers.len());
        for server in &site.servers {
            let Some(raw_server) = by_name.get(server.name.as_str()) else {
                let reason = format!("server `{}` of the site has no [[server]] here", server.name);
                self.fault(&raw.site.span(), "server.id", reason);
                continue;
            };
            let Some(playback) = self.playback(raw_server) else { continue };
            let rated_watts = real(server.rated.get());
            if playback.peak_watts() > rated_watts {
                let reason = format!(
                    "`{}` reaches {:.0} W, more than its rated_watts ({rated_watts:.0}) in the site",
                    server.name,
                    playback.peak_watts()
                );
                self.fault(&raw_server.play.span(), "server.play", reason);
            }
            playbacks.push(playback);
        }
        playbacks
    }

    fn servers_by_name<'r>(&mut self, raw: &'r RawScenario, site: &Site) -> BTreeMap<&'r str, &'r RawServer> {
        let known: BTreeSet<&str> = site.servers.iter().map(|server| server.name.as_str()).collect();
        let mut by_name = BTreeMap::new();
        for server in &raw.server {
            let name = server.id.get_ref().as_str();
            if !known.contains(name) {
                self.fault(&server.id.span(), "server.id", format!("the site has no server `{name}`"));
            }
            if by_name.insert(name, server).is_some() {
                self.fault(&server.id.span(), "server.id", format!("`{name}` is there twice"));
            }
        }
        by_name
    }

    fn playback(&mut self, raw: &RawServer) -> Option<Playback> {
        let delay_ms = self.seconds(raw.delay_s.as_ref(), "server.delay_s");
        let faults_before = self.faults.len();
        let mut samples: Vec<Sample> = Vec::new();
        let mut cycle_ms = 0;
        for piece in raw.play.get_ref() {
            let Some((cut, span_ms, repeat)) = self.piece(piece) else { continue };
            for _ in 0..repeat {
                samples.extend(cut.iter().map(|sample| Sample { at_ms: cycle_ms + sample.at_ms, ..*sample }));
                cycle_ms += span_ms;
            }
        }
        if self.faults.len() > faults_before {
            return None;
        }
        if cycle_ms > CYCLE_MS_MAX {
            self.fault(&raw.play.span(), "server.play", format!("{cycle_ms} ms long, expected at most a day"));
            return None;
        }
        let playback = Playback::new(delay_ms, cycle_ms, samples);
        if playback.is_none() {
            self.fault(&raw.play.span(), "server.play", "expected at least one piece of a recording".into());
        }
        playback
    }

    /// One piece of a recording: its samples, its length in ms and how often it is played.
    fn piece(&mut self, raw: &RawPiece) -> Option<(Vec<Sample>, u64, i64)> {
        let repeat = raw.repeat.as_ref().map_or(1, |repeat| *repeat.get_ref());
        if let (false, Some(given)) = ((1..=REPEAT_MAX).contains(&repeat), &raw.repeat) {
            self.fault(&given.span(), "server.play.repeat", format!("{repeat}, expected 1 to {REPEAT_MAX}"));
            return None;
        }
        let from_ms = self.seconds(Some(&raw.from_s), "server.play.from_s");
        let to_ms = self.seconds(Some(&raw.to_s), "server.play.to_s");
        match self.cut(raw, from_ms, to_ms) {
            Ok(samples) => Some((samples, to_ms - from_ms, repeat)),
            Err((field, span, reason)) => {
                self.fault(&span, field, reason);
                None
            }
        }
    }

    /// The samples of a piece, or field, place and reason of the fault.
    fn cut(&mut self, raw: &RawPiece, from_ms: u64, to_ms: u64) -> Result<Vec<Sample>, PieceFault> {
        let name = raw.trace.get_ref();
        let series = raw.series.as_ref().map_or("", |series| series.get_ref());
        let trace = match self.trace(name) {
            Ok(trace) => trace,
            Err(error) => return Err(("server.play.trace", raw.trace.span(), error.clone())),
        };
        let Some(samples) = trace.series.get(series) else {
            let span = raw.series.as_ref().map_or(raw.trace.span(), Spanned::span);
            let names = trace.series.keys().take(40).map(|name| format!("`{name}`")).collect::<Vec<_>>();
            let reason = format!("no series `{series}` in {name}; there is {}", names.join(", "));
            return Err(("server.play.series", span, reason));
        };
        trace::window(samples, from_ms, to_ms).ok_or_else(|| {
            let end_seconds = samples.last().map_or(0, |sample| sample.at_ms / 1_000);
            let (from, to) = (raw.from_s.get_ref(), raw.to_s.get_ref());
            let reason = format!("{from} s to {to} s, expected a span within 0 to {end_seconds} s of {name}");
            ("server.play.to_s", raw.to_s.span(), reason)
        })
    }

    /// A trace of the data directory, read once.
    fn trace(&mut self, name: &str) -> &Result<Trace, String> {
        let path = self.data.join(name);
        let read = || Trace::read(&path).map_err(|error| error.to_string());
        self.traces.entry(name.to_owned()).or_insert_with(read)
    }

    /// Seconds of the file as whole milliseconds; nothing given is no seconds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    fn seconds(&mut self, given: Option<&Spanned<f64>>, field: &str) -> u64 {
        let mut seconds = 0.0;
        self.set(given, field, &mut seconds, 0.0..=86_400.0);
        (seconds * 1_000.0).round() as u64
    }
}
