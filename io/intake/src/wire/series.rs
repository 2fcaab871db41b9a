//! One series of a message: its labels, sorted, and its samples.

use super::WireError;
use super::fields::{Fields, Value};
use crate::limits::Limits;

/// What senders write for "this series has ended".
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;
/// The label that holds the name of the metric.
const NAME: &str = "__name__";

/// One sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// When it was taken, by the sender's clock, milliseconds of Unix time.
    pub at_unix_ms: i64,
    /// What it says, in the metric's unit.
    pub value: f64,
}

impl Sample {
    /// Whether it says that its series has ended.
    pub fn is_stale_marker(&self) -> bool {
        self.value.to_bits() == STALE_BITS
    }

    /// The same two fields in both versions; a start timestamp (2.0) is passed over.
    pub(super) fn read(message: &[u8]) -> Result<Self, WireError> {
        let mut sample = Self::default();
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => sample.value = value.double()?,
                2 => sample.at_unix_ms = value.int64()?,
                _ => {}
            }
        }
        Ok(sample)
    }
}

/// One series. Its buffers serve one series after the other.
#[derive(Debug, Default)]
pub struct Series<'a> {
    labels: Vec<(&'a str, &'a str)>,
    label_bytes: usize,
    /// Whether its labels, or what it holds, cannot be.
    faulty: bool,
    /// Its samples.
    pub samples: Vec<Sample>,
    /// How many native histograms it holds.
    pub histograms: usize,
    /// How many exemplars.
    pub exemplars: usize,
}

impl<'a> Series<'a> {
    /// The name of its metric; empty where there is none.
    pub fn metric(&self) -> &'a str {
        self.label(NAME).unwrap_or_default()
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&'a str> {
        let at = self.labels.binary_search_by_key(&name, |(name, _)| name).ok()?;
        self.labels.get(at).map(|(_, value)| *value)
    }

    /// All labels by name, the metric's name among them.
    pub fn labels(&self) -> &[(&'a str, &'a str)] {
        &self.labels
    }

    /// Whether the series cannot be: too many or too long labels, one twice, one without a name, or samples and
    /// histograms together.
    pub fn is_faulty(&self) -> bool {
        self.faulty || (self.histograms > 0 && !self.samples.is_empty())
    }

    pub(super) fn clear(&mut self) {
        self.labels.clear();
        self.samples.clear();
        (self.label_bytes, self.faulty, self.histograms, self.exemplars) = (0, false, 0, 0);
    }

    pub(super) fn push_label(&mut self, name: &'a str, value: &'a str, limits: &Limits) {
        self.label_bytes = self.label_bytes.saturating_add(name.len()).saturating_add(value.len());
        if name.is_empty() || self.labels.len() == limits.labels_max || self.label_bytes > limits.label_bytes_max {
            self.faulty = true;
        // A label without a value is, in Prometheus, no label.
        } else if !value.is_empty() {
            self.labels.push((name, value));
        }
    }

    pub(super) const fn fail(&mut self) {
        self.faulty = true;
    }

    /// Sorts the labels, which senders must but do not always do, and finds those that are there twice.
    pub(super) fn finish(&mut self) {
        if !self.labels.is_sorted() {
            self.labels.sort_unstable();
        }
        self.faulty |= self.labels.windows(2).any(|pair| pair[0].0 == pair[1].0);
    }
}

/// A list of numbers, which may come packed or one by one.
pub(super) fn each_number(value: Value<'_>, take: &mut dyn FnMut(u64)) -> Result<(), WireError> {
    if let Value::Varint(number) = value {
        take(number);
        return Ok(());
    }
    let mut packed = Fields::new(value.bytes()?);
    while let Some(number) = packed.packed()? {
        take(number);
    }
    Ok(())
}
