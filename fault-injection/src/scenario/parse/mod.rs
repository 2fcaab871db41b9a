//! From a TOML text to a checked [`Scenario`], or to every fault in it with its line.

mod compose;
mod event;
mod meter;
mod physics;
mod recording;
mod server;
mod supply;

use std::ops::{Range, RangeInclusive};
use std::path::Path;

use ridethrough_core::site::{Fault, Site};
use serde::Deserialize;
use toml::Spanned;

use self::compose::{RawCompose, RawMix};
use self::event::RawEvent;
use self::meter::RawMeter;
use self::physics::{RawFlywheel, RawPlant, RawServerSupply, RawSupercapacitor};
use self::recording::Recordings;
use self::server::RawServer;
use self::supply::RawSupply;
use super::{Scenario, ScenarioError, read};

/// For how long a scenario runs unless it says otherwise, in s.
const SECONDS_DEFAULT: u64 = 300;
/// No scenario, and no moment in one, is longer than a day, in s.
const SECONDS_MAX: i64 = 86_400;
/// A reason names so many of the things that there are.
const NAMES_MAX: usize = 40;

/// Where a scenario comes from.
pub(super) struct Source<'a> {
    /// The name that errors carry.
    pub file: &'a str,
    /// The scenario in TOML.
    pub text: &'a str,
    /// Where its paths start from.
    pub folder: &'a Path,
    /// The site in TOML, where it is not to be read from the file that the scenario names.
    pub site: Option<&'a str>,
    /// What stands in place of the scenario's own seed.
    pub seed: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    seconds: Option<Spanned<i64>>,
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
    server_supply: RawServerSupply,
    #[serde(default)]
    meter: RawMeter,
    #[serde(default)]
    supply: RawSupply,
    #[serde(default)]
    event: Vec<RawEvent>,
    #[serde(default)]
    mix: Vec<RawMix>,
    #[serde(default)]
    compose: Vec<RawCompose>,
    #[serde(default)]
    server: Vec<RawServer>,
}

/// Reads a scenario from TOML.
pub(super) fn scenario(source: &Source) -> Result<Scenario, ScenarioError> {
    let faulty = |faults| ScenarioError::Faults { file: source.file.to_owned(), faults };
    let text = source.text;
    let raw: RawScenario = toml::from_str(text).map_err(|error| faulty(vec![Fault::syntax(text, &error)]))?;
    let site_path = source.folder.join(raw.site.get_ref());
    let read_site = || source.site.map_or_else(|| read(&site_path), |text| Ok(text.to_owned()));
    let site = Site::parse(&site_path.display().to_string(), &read_site()?).map_err(ScenarioError::Site)?;
    let recordings = Recordings::new(source.folder.join(raw.data.get_ref()));
    let mut checker = Checker { text, faults: Vec::new(), recordings };
    let scenario = checker.scenario(raw, site, source.seed);
    if checker.faults.is_empty() { Ok(scenario) } else { Err(faulty(checker.faults)) }
}

struct Checker<'a> {
    text: &'a str,
    faults: Vec<Fault>,
    recordings: Recordings,
}

/// What is wrong, where, and why.
struct Wrong {
    field: String,
    span: Range<usize>,
    reason: String,
}

impl Checker<'_> {
    fn scenario(&mut self, raw: RawScenario, site: Site, seed_given: Option<u64>) -> Scenario {
        let physics = self.physics(&raw);
        self.capacities(&raw, &physics, &site);
        let meters = self.meters(&raw.meter);
        let own_seed = self.whole(Some(&raw.seed), "seed", 0, 0..=i64::MAX);
        let seed = seed_given.unwrap_or(own_seed);
        let loads = self.loads(&raw, &site, seed);
        let supply = self.supply(&raw.supply);
        self.generators(&raw, &supply, &site);
        let seconds = self.whole(raw.seconds.as_ref(), "seconds", SECONDS_DEFAULT, 1..=SECONDS_MAX);
        let events = self.events(&raw.event, &site, &supply, seconds * 1_000);
        let (playbacks, workloads) = loads.into_iter().map(|load| (load.playback, load.workload)).unzip();
        Scenario {
            name: raw.name,
            seed,
            physics,
            meters,
            playbacks,
            workloads,
            supplies: vec![supply; site.feeds.len()],
            events,
            span_ms: seconds * 1_000,
            about: raw.about,
            site,
        }
    }

    fn fault(&mut self, span: &Range<usize>, field: &str, reason: String) {
        self.faults.push(Fault::at(self.text, span, field, reason));
    }

    /// What came out of it, or nothing and a fault more.
    fn or_fault<T>(&mut self, result: Result<T, Wrong>) -> Option<T> {
        result.map_err(|wrong| self.fault(&wrong.span, &wrong.field, wrong.reason)).ok()
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

    /// A given whole number, or the default; outside of the range, which begins at 0 or above, is a fault.
    fn whole(&mut self, given: Option<&Spanned<i64>>, field: &str, default: u64, range: RangeInclusive<i64>) -> u64 {
        let Some(given) = given else { return default };
        match u64::try_from(*given.get_ref()) {
            Ok(value) if range.contains(given.get_ref()) => value,
            _ => {
                let expected = if *range.end() == i64::MAX {
                    format!("{} or more", range.start())
                } else {
                    format!("{} to {}", range.start(), range.end())
                };
                self.fault(&given.span(), field, format!("{}, expected {expected}", given.get_ref()));
                default
            }
        }
    }

    /// Given seconds as whole milliseconds, or the default.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    fn millis(
        &mut self,
        given: Option<&Spanned<f64>>,
        field: &str,
        default_ms: u64,
        seconds: RangeInclusive<f64>,
    ) -> u64 {
        let mut checked = f64::NAN;
        self.set(given, field, &mut checked, seconds);
        if checked.is_nan() { default_ms } else { (checked * 1_000.0).round() as u64 }
    }

    /// A moment or a span of at most a day in ms; nothing given is none.
    fn moment(&mut self, given: Option<&Spanned<f64>>, field: &str) -> u64 {
        self.millis(given, field, 0, 0.0..=86_400.0)
    }
}

/// What there is, for a reason: "`a`, `b`".
fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter().map(|name| format!("`{name}`"));
    let first = names.by_ref().take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    match (first.is_empty(), names.next()) {
        (true, _) => "nothing".to_owned(),
        (false, None) => first,
        (false, Some(_)) => first + ", …",
    }
}
