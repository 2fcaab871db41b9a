//! The mapping file as TOML has it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Kind;
use crate::signals::Signal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMapping {
    #[serde(default)]
    pub signal: Vec<Spanned<RawSignal>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSignal {
    pub signal: Signal,
    pub metric: Spanned<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, Values>,
    pub kind: Kind,
    pub scale: Option<Spanned<f64>>,
    #[serde(default)]
    pub sum: bool,
    pub by: Option<Spanned<String>>,
    pub server: Option<Names>,
    pub server_pattern: Option<Spanned<String>>,
    pub rack: Option<Names>,
    pub rack_pattern: Option<Spanned<String>>,
    pub max: Option<Spanned<f64>>,
    pub max_age_seconds: Option<Spanned<u64>>,
}

/// Values of a label, each with the id of a part.
pub type Names = BTreeMap<String, Spanned<String>>;

/// A value, or any of several.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Values {
    One(String),
    Any(Vec<String>),
}

impl Values {
    pub fn list(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Any(values) => values,
        }
    }
}
