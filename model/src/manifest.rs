//! The manifest beside a model: its hash, ports and meaning.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::files;
use crate::load_error::LoadError;

/// The only layout of manifests that there is.
const FORMAT: u32 = 3;
/// Most bytes of a manifest; ours has 50 kB, mostly hashes and scores.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Most floats that a model may carry per rack.
const STATE_MAX: usize = 1_024;
/// Most horizons, and the longest.
const HORIZONS_MAX: usize = 16;
const SAMPLES_MAX: usize = 600;
/// The crate's engine commits a step per second, so that samples are seconds, and answers for 30 of them.
const PERIOD_MS: u32 = 1_000;
const ANSWERED: usize = 30;
/// P50, P90 and P99.
const QUANTILES: [f64; 3] = [0.50, 0.90, 0.99];

/// What a model takes and gives, checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// SHA-256 of the model, in hexadecimal.
    pub sha256: String,
    /// Floats carried per rack.
    pub state: usize,
    /// Horizons of the quantiles in samples, rising.
    pub horizons: Vec<usize>,
    /// Which of them the engine answers for.
    pub answered: usize,
}

impl Manifest {
    /// Spans of the maximum: all horizons but the first.
    pub fn spans(&self) -> usize {
        self.horizons.len() - 1
    }
}

/// The file as it is written. Fields that only people read are named too, so that a typo cannot pass for one of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    format: u32,
    sha256: String,
    period_ms: u32,
    horizons: Vec<usize>,
    bounds: Vec<usize>,
    quantiles: Vec<f64>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    #[serde(rename = "opset")]
    _opset: IgnoredAny,
    #[serde(rename = "ir_version")]
    _ir_version: IgnoredAny,
    #[serde(rename = "power_range")]
    _power_range: IgnoredAny,
    #[serde(rename = "trained_with", default)]
    _trained_with: Option<IgnoredAny>,
    #[serde(rename = "seed", default)]
    _seed: Option<IgnoredAny>,
    #[serde(rename = "updates", default)]
    _updates: Option<IgnoredAny>,
    #[serde(rename = "conformal_factors", default)]
    _conformal_factors: Option<IgnoredAny>,
    #[serde(rename = "data", default)]
    _data: Option<IgnoredAny>,
    #[serde(rename = "scores", default)]
    _scores: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Port {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    shape: Vec<Dimension>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Dimension {
    Fixed(i64),
    Named(String),
}

impl Manifest {
    /// Reads and checks the manifest at `path`.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        Self::parse(path, &files::read(path, MANIFEST_BYTES_MAX)?)
    }

    /// Checks the bytes that were read from `path`.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, LoadError> {
        let raw: Raw = serde_json::from_slice(bytes)
            .map_err(|source| LoadError::ManifestSyntax { path: path.to_path_buf(), source })?;
        raw.check(path)
    }
}

/// A field that is wrong: its name, what it may say, what it says.
struct Wrong(&'static str, String, String);

impl Raw {
    fn check(self, path: &Path) -> Result<Manifest, LoadError> {
        let named = |Wrong(field, expected, found)| {
            let path = path.to_path_buf();
            LoadError::ManifestField { path, field, expected, found }
        };
        self.check_meaning().map_err(named)?;
        let state = self.check_ports().map_err(named)?;
        let answered = self.horizons.iter().position(|samples| *samples == ANSWERED).unwrap_or_default();
        Ok(Manifest { sha256: self.sha256, state, horizons: self.horizons, answered })
    }

    fn check_meaning(&self) -> Result<(), Wrong> {
        if self.format != FORMAT {
            return Err(Wrong("format", FORMAT.to_string(), self.format.to_string()));
        }
        if self.sha256.len() != 64 || self.sha256.bytes().any(|c| !matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Wrong("sha256", "64 hexadecimal digits in lower case".to_owned(), self.sha256.clone()));
        }
        if self.period_ms != PERIOD_MS {
            return Err(Wrong("period_ms", PERIOD_MS.to_string(), self.period_ms.to_string()));
        }
        let same = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
        if self.quantiles.len() != QUANTILES.len() || !self.quantiles.iter().zip(&QUANTILES).all(same) {
            return Err(Wrong("quantiles", format!("{QUANTILES:?}"), format!("{:?}", self.quantiles)));
        }
        if !rises_over_answered(&self.horizons) {
            let expected =
                format!("2 to {HORIZONS_MAX} rising numbers of samples up to {SAMPLES_MAX}, {ANSWERED} among them");
            return Err(Wrong("horizons", expected, format!("{:?}", self.horizons)));
        }
        if self.bounds != self.horizons[1..] {
            return Err(Wrong("bounds", format!("{:?}", &self.horizons[1..]), format!("{:?}", self.bounds)));
        }
        Ok(())
    }

    /// The width of the state, when all ports are as they must be.
    fn check_ports(&self) -> Result<usize, Wrong> {
        let state = match self.inputs.get(1).and_then(|port| port.shape.get(1)) {
            Some(Dimension::Fixed(state)) => usize::try_from(*state).unwrap_or_default(),
            _ => 0,
        };
        if !(1..=STATE_MAX).contains(&state) {
            let expected = format!("state_in of shape [N, 1..={STATE_MAX}]");
            return Err(Wrong("inputs", expected, ports(&self.inputs)));
        }
        let (horizons, spans) = (self.horizons.len(), self.bounds.len());
        let inputs = format!("power [N, 1] float32, state_in [N, {state}] float32");
        let outputs = format!(
            "quantiles [N, {horizons}, 3] float32, maxima [N, {spans}, 3] float32, state_out [N, {state}] float32"
        );
        for (field, expected, found) in [("inputs", inputs, &self.inputs), ("outputs", outputs, &self.outputs)] {
            if ports(found) != expected {
                return Err(Wrong(field, expected, ports(found)));
            }
        }
        Ok(state)
    }
}

fn rises_over_answered(samples: &[usize]) -> bool {
    (2..=HORIZONS_MAX).contains(&samples.len())
        && samples.first().is_some_and(|first| *first > 0)
        && samples.is_sorted_by(|a, b| a < b)
        && samples.last().is_some_and(|last| *last <= SAMPLES_MAX)
        && samples[1..].contains(&ANSWERED)
}

fn ports(ports: &[Port]) -> String {
    let one = |port: &Port| {
        let shape: Vec<String> = port.shape.iter().map(Dimension::to_string).collect();
        format!("{} [{}] {}", port.name, shape.join(", "), port.kind)
    };
    ports.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl std::fmt::Display for Dimension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}
