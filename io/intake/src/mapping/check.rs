//! From a TOML text to a checked [`Mapping`], or to every fault in it with its line.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Range, RangeInclusive};

use ridethrough_core::site::{Fault, RackId, ServerId, Site};
use toml::Spanned;

use super::raw::{Names, RawMapping, RawSignal};
use super::{Input, Kind, Mapping, Rule};
use crate::signals::{AGE_MS_MAX, Part, Signal, slot_of};

/// A longer file is refused before it is read into tables, bytes.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Inputs of a mapping: ten for each server of the largest site.
const INPUTS_MAX: usize = 600_000;
/// The label that says which server, where the file does not.
const BY: &str = "instance";
/// How old a sample may be where the file does not say, seconds: three scrapes at Prometheus's usual quarter minute,
/// and what a sender takes to send.
const AGE_SECONDS: u64 = 60;
/// What can be where the file does not say: a terabyte per second, and the same of any work.
const VALUE_MAX: f64 = 1e12;
/// The highest of all highest values, far inside what a slot can hold.
const VALUE_MAX_MAX: f64 = 1e30;
/// Times its rating, what a meter may tell of a part where the file does not say.
const RATINGS: f64 = 2.0;
/// Series that are added up for one part by one `[[signal]]`.
const SUMMED_MAX: usize = 64;

pub fn parse(text: &str, site: &Site) -> Result<Mapping, Vec<Fault>> {
    if text.len() > FILE_BYTES_MAX {
        let reason = format!("{} bytes, expected at most {FILE_BYTES_MAX}", text.len());
        return Err(vec![Fault { line: 1, field: "file".into(), reason }]);
    }
    let raw: RawMapping = toml::from_str(text).map_err(|error| vec![Fault::syntax(text, &error)])?;
    let mut checker = Checker::new(text, site);
    if raw.signal.is_empty() {
        checker.fault(&(0..0), "signal", "there is no [[signal]]: without one nothing is taken".into());
    }
    for signal in &raw.signal {
        checker.signal(signal);
    }
    if checker.faults.is_empty() { Ok(checker.mapping) } else { Err(checker.faults) }
}

/// The first to claim a slot.
struct Claim {
    line: usize,
    sum: bool,
}

/// A `[[signal]]` that is being checked.
struct Current<'a> {
    raw: &'a RawSignal,
    at: Range<usize>,
    line: usize,
    /// The same number for those that want the same series.
    selector: usize,
}

struct Checker<'a> {
    text: &'a str,
    site: &'a Site,
    servers: HashMap<&'a str, ServerId>,
    racks: HashMap<&'a str, RackId>,
    claims: HashMap<usize, Claim>,
    selectors: HashMap<String, usize>,
    /// Which selector has been used for which slot.
    used: HashSet<(usize, usize)>,
    mapping: Mapping,
    faults: Vec<Fault>,
}

/// One name of a part in a `[[signal]]`.
struct Named {
    value: String,
    part: Part,
    name: String,
    at: Range<usize>,
}

impl<'a> Checker<'a> {
    fn new(text: &'a str, site: &'a Site) -> Self {
        let servers = site.servers.iter().zip(0..).map(|(server, id)| (server.name.as_str(), ServerId(id)));
        let racks = site.racks.iter().zip(0..).map(|(rack, id)| (rack.name.as_str(), RackId(id)));
        Self {
            text,
            site,
            servers: servers.collect(),
            racks: racks.collect(),
            claims: HashMap::new(),
            selectors: HashMap::new(),
            used: HashSet::new(),
            mapping: Mapping::default(),
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, at: &Range<usize>, field: &str, reason: String) {
        self.faults.push(Fault::at(self.text, at, field, reason));
    }

    fn signal(&mut self, raw: &Spanned<RawSignal>) {
        let (at, raw) = (raw.span(), raw.get_ref());
        self.metric(raw);
        let labels = self.labels(raw, &at);
        let by = self.by(raw);
        let next = self.selectors.len();
        let selector = *self.selectors.entry(format!("{} {by} {labels:?}", raw.metric.get_ref())).or_insert(next);
        let line = Fault::at(self.text, &at, "", String::new()).line;
        let inputs = self.inputs(&Current { raw, at, line, selector });
        self.mapping.signals += 1;
        let rules = self.mapping.rules.entry(raw.metric.get_ref().as_str().into()).or_default();
        rules.push(Rule { labels, by: by.into(), inputs });
    }

    /// An input for each part that is named, by the values of the label that name it.
    fn inputs(&mut self, current: &Current<'_>) -> HashMap<Box<str>, usize> {
        let raw = current.raw;
        let template = self.template(raw);
        let (mut by_value, mut of_part) = (HashMap::new(), BTreeMap::new());
        for named in self.named(raw, &current.at) {
            let place = if let Some(&place) = of_part.get(&named.part) {
                self.twice(raw, &named);
                place
            } else {
                let slot = slot_of(self.site.servers.len(), named.part, raw.signal);
                self.claim(current, slot, &named);
                let value_max =
                    if raw.max.is_some() { template.value_max } else { self.value_max(raw.signal, named.part) };
                self.mapping.inputs.push(Input { slot, value_max, ..template });
                self.mapping.inputs.len() - 1
            };
            of_part.insert(named.part, place);
            by_value.insert(named.value.into(), place);
        }
        if self.mapping.inputs.len() > INPUTS_MAX {
            self.fault(&current.at, "signal", format!("more than {INPUTS_MAX} signals of parts"));
        }
        by_value
    }

    /// What all inputs of a `[[signal]]` have in common.
    fn template(&mut self, raw: &RawSignal) -> Input {
        Input {
            slot: 0,
            kind: raw.kind,
            scale: self.number(raw.scale.as_ref(), "signal.scale", 1e-12..=1e12).unwrap_or(1.0),
            value_max: self.number(raw.max.as_ref(), "signal.max", 1e-12..=VALUE_MAX_MAX).unwrap_or(VALUE_MAX),
            age_ms_max: self.age_ms(raw),
            series_max: if raw.sum { SUMMED_MAX } else { 1 },
        }
    }

    fn metric(&mut self, raw: &RawSignal) {
        if !is_name(raw.metric.get_ref(), ":") {
            let reason = format!("\"{}\" is no name of a metric", raw.metric.get_ref());
            self.fault(&raw.metric.span(), "signal.metric", reason);
        }
    }

    fn by(&mut self, raw: &RawSignal) -> String {
        let Some(by) = &raw.by else { return BY.to_owned() };
        if !is_name(by.get_ref(), "") {
            self.fault(&by.span(), "signal.by", format!("\"{}\" is no name of a label", by.get_ref()));
        }
        by.get_ref().clone()
    }

    fn number(&mut self, found: Option<&Spanned<f64>>, field: &str, expected: RangeInclusive<f64>) -> Option<f64> {
        let found = found?;
        if !expected.contains(found.get_ref()) {
            let reason = format!("{}, expected {:e} to {:e}", found.get_ref(), expected.start(), expected.end());
            self.fault(&found.span(), field, reason);
        }
        Some(*found.get_ref())
    }

    fn age_ms(&mut self, raw: &RawSignal) -> u64 {
        let seconds_max = AGE_MS_MAX / 1_000;
        let Some(age) = &raw.max_age_seconds else { return AGE_SECONDS * 1_000 };
        if !(1..=seconds_max).contains(age.get_ref()) {
            let reason = format!("{}, expected 1 to {seconds_max}", age.get_ref());
            self.fault(&age.span(), "signal.max_age_seconds", reason);
        }
        age.get_ref().saturating_mul(1_000)
    }

    fn labels(&mut self, raw: &RawSignal, at: &Range<usize>) -> Vec<(Box<str>, Vec<Box<str>>)> {
        let mut labels = Vec::new();
        for (name, values) in &raw.labels {
            let values = values.list();
            if !is_name(name, "") || values.is_empty() || values.iter().any(String::is_empty) {
                let reason = format!("\"{name}\": expected the name of a label with a value, or a list of values");
                self.fault(at, "signal.labels", reason);
            }
            labels.push((name.as_str().into(), values.iter().map(|value| value.as_str().into()).collect()));
        }
        labels
    }

    fn value_max(&self, signal: Signal, part: Part) -> f64 {
        let rating = match part {
            Part::Server(id) => self.site.servers[id.index()].rated,
            Part::Rack(id) => self.site.rack(id).nameplate,
        };
        if signal == Signal::Power { rating_watts(rating.get()) * RATINGS } else { VALUE_MAX }
    }

    /// All that the four ways of naming parts name; one of them must be there.
    fn named(&mut self, raw: &RawSignal, at: &Range<usize>) -> Vec<Named> {
        match (&raw.server, &raw.server_pattern, &raw.rack, &raw.rack_pattern) {
            (Some(names), None, None, None) => self.table(names, "signal.server", Self::server),
            (None, Some(pattern), None, None) => {
                let all = self.servers.iter().map(|(&name, &id)| (name, Part::Server(id))).collect();
                self.pattern(pattern, "signal.server_pattern", all)
            }
            (None, None, Some(names), None) => self.table(names, "signal.rack", Self::rack),
            (None, None, None, Some(pattern)) => {
                let all = self.racks.iter().map(|(&name, &id)| (name, Part::Rack(id))).collect();
                self.pattern(pattern, "signal.rack_pattern", all)
            }
            _ => {
                let reason = "expected one of server, server_pattern, rack, rack_pattern".to_owned();
                self.fault(at, "signal", reason);
                Vec::new()
            }
        }
    }

    fn server(&self, name: &str) -> Option<Part> {
        self.servers.get(name).map(|&id| Part::Server(id))
    }

    fn rack(&self, name: &str) -> Option<Part> {
        self.racks.get(name).map(|&id| Part::Rack(id))
    }

    fn table(&mut self, names: &Names, field: &str, part: fn(&Self, &str) -> Option<Part>) -> Vec<Named> {
        let mut all = Vec::with_capacity(names.len());
        for (value, name) in names {
            match part(self, name.get_ref()) {
                Some(part) if !value.is_empty() => {
                    all.push(Named { value: value.clone(), part, name: name.get_ref().clone(), at: name.span() });
                }
                Some(_) => self.fault(&name.span(), field, "the value of a label cannot be empty".into()),
                None => {
                    let reason = format!("\"{}\", for \"{value}\", is not in the site", name.get_ref());
                    self.fault(&name.span(), field, reason);
                }
            }
        }
        all
    }

    fn pattern(&mut self, pattern: &Spanned<String>, field: &str, mut parts: Vec<(&str, Part)>) -> Vec<Named> {
        let Some((before, after)) = pattern.get_ref().split_once("{}").filter(|(_, after)| !after.contains("{}"))
        else {
            let reason = format!("\"{}\", expected one {{}} in place of the id", pattern.get_ref());
            self.fault(&pattern.span(), field, reason);
            return Vec::new();
        };
        parts.sort_unstable_by_key(|&(_, part)| part);
        let named = |(name, part): (&str, Part)| Named {
            value: format!("{before}{name}{after}"),
            part,
            name: name.to_owned(),
            at: pattern.span(),
        };
        parts.into_iter().map(named).collect()
    }

    /// A part that one `[[signal]]` names twice.
    fn twice(&mut self, raw: &RawSignal, named: &Named) {
        if !raw.sum {
            let what = Mapping::describe(raw.signal, &named.name);
            self.fault(
                &named.at,
                "signal",
                format!("{what} is named twice; say sum = true if both are to be added up"),
            );
        }
    }

    fn claim(&mut self, current: &Current<'_>, slot: usize, named: &Named) {
        let what = Mapping::describe(current.raw.signal, &named.name);
        if !self.used.insert((current.selector, slot)) {
            let reason = format!("{what} is made of the very same series twice");
            self.fault(&named.at, "signal", reason);
        }
        let Some(first) = self.claims.get(&slot) else {
            self.claims.insert(slot, Claim { line: current.line, sum: current.raw.sum });
            return;
        };
        if !(first.sum && current.raw.sum) {
            let reason = format!(
                "{what} is mapped at line {} already; say sum = true in both [[signal]]s if they are to be added up",
                first.line
            );
            self.fault(&named.at, "signal", reason);
        }
    }
}

/// Ratings are far below what a double holds exactly.
#[expect(clippy::cast_precision_loss, reason = "a site's watts have at most 40 bits")]
fn rating_watts(watts: i64) -> f64 {
    watts as f64
}

/// Whether a text is a name by Prometheus's rules; names of metrics may hold colons too.
fn is_name(text: &str, also: &str) -> bool {
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || also.contains(letter);
    text.chars().all(good) && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

impl Kind {
    /// Whether values are rates between two samples.
    pub(crate) const fn is_counter(self) -> bool {
        matches!(self, Self::Counter)
    }
}
