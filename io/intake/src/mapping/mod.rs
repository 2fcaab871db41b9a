//! Which series is which signal of which server or rack: the operator's file, checked against the site.
//!
//! ```toml
//! [[signal]]
//! signal = "network"                             # network (bytes/s), workload (any unit), power (watts)
//! metric = "node_network_receive_bytes_total"
//! labels = { device = ["eth0", "eth1"] }         # a value, or any of several
//! kind = "counter"                               # a rate per second is made of it; "gauge" is taken as it is
//! scale = 1.0                                    # from the metric's unit to the signal's
//! sum = true                                     # several series of a server, or several [[signal]]s, are added up
//! by = "instance"                                # the label that says which server
//! server = { "10.0.0.7:9100" = "A1-s1" }         # its values, each with a server of the site
//! max = 25e9                                     # more than this cannot be
//! max_age_seconds = 60                           # older than this is not taken and not told
//! ```
//!
//! In place of `server`: `server_pattern = "{}.hall-1:9100"`, where `{}` stands for the id of a server of the site;
//! `rack` and `rack_pattern` for racks.

mod check;
mod raw;

use std::collections::HashMap;
use std::fmt;

use ridethrough_core::site::{Fault, Site};
use serde::Deserialize;

use crate::signals::Signal;
use crate::wire::Series;

/// A mapping file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingError {
    /// The file, as the caller named it.
    pub file: String,
    /// What is wrong with it, at least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.faults.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{fault}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for MappingError {}

/// What kind of metric a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Its value is the signal.
    Gauge,
    /// Its rise per second is; a fall is a restart from zero.
    Counter,
}

/// A checked mapping.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    rules: HashMap<Box<str>, Vec<Rule>>,
    pub(crate) inputs: Vec<Input>,
    signals: usize,
}

/// Which series of a metric are inputs.
#[derive(Clone, Debug)]
struct Rule {
    /// Labels that a series must have, each with any of these values.
    labels: Vec<(Box<str>, Vec<Box<str>>)>,
    by: Box<str>,
    /// Values of that label, each with the place of its input.
    inputs: HashMap<Box<str>, usize>,
}

/// One rule for one part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Input {
    pub slot: usize,
    pub kind: Kind,
    pub scale: f64,
    pub value_max: f64,
    pub age_ms_max: u64,
    pub series_max: usize,
}

impl Mapping {
    /// Reads a mapping and checks it against the site. `file` is the name that errors carry.
    pub fn parse(file: &str, text: &str, site: &Site) -> Result<Self, MappingError> {
        check::parse(text, site).map_err(|faults| MappingError { file: file.to_owned(), faults })
    }

    /// How many `[[signal]]`s it has.
    pub const fn signals(&self) -> usize {
        self.signals
    }

    /// How many series at the least it waits for: one for each `[[signal]]` and part.
    pub const fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// What a sample may be old, of a slot, milliseconds: the most of its inputs; 0 where nothing is mapped.
    pub(crate) fn ages(&self, slots: usize) -> Vec<u64> {
        let mut ages = vec![0; slots];
        for input in &self.inputs {
            ages[input.slot] = input.age_ms_max.max(ages[input.slot]);
        }
        ages
    }

    /// Gathers the inputs that a series belongs to. Returns whether any `[[signal]]` wants such series, even where it
    /// knows no part by this one's label.
    pub(crate) fn inputs_of(&self, series: &Series<'_>, inputs: &mut Vec<usize>) -> bool {
        let mut wanted = false;
        for rule in self.rules.get(series.metric()).into_iter().flatten().filter(|rule| rule.wants(series)) {
            wanted = true;
            inputs.extend(series.label(&rule.by).and_then(|value| rule.inputs.get(value)));
        }
        wanted
    }

    /// Parts named by their signal, for messages.
    fn describe(signal: Signal, name: &str) -> String {
        format!("{} of \"{name}\"", signal.as_str())
    }
}

impl Rule {
    fn wants(&self, series: &Series<'_>) -> bool {
        self.labels
            .iter()
            .all(|(name, values)| series.label(name).is_some_and(|found| values.iter().any(|value| **value == *found)))
    }
}
