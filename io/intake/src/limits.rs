//! What the intake bears of a sender, so that none can take memory, time or connections from others.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

/// What is held of a sample until its request is known to be whole and its slot is published, bytes.
const PENDING_BYTES: usize = 48;
/// What is held of a symbol or a label while a message is read, bytes.
const TEXT_BYTES: usize = 32;
/// What hyper may hold of one connection's bytes.
pub(crate) const CONNECTION_BYTES: usize = 16 * 1024;

/// Limits of the intake. The defaults bear a thousand servers scraped every second by one Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest body, compressed, bytes.
    pub body_bytes_max: usize,
    /// The longest message, decompressed, bytes.
    pub message_bytes_max: usize,
    /// Series in one request.
    pub series_max: usize,
    /// Samples, histograms and exemplars in one request, each.
    pub samples_max: usize,
    /// Entries of the symbol table of one request (2.0).
    pub symbols_max: usize,
    /// Labels of one series.
    pub labels_max: usize,
    /// Names and values of the labels of one series, bytes together.
    pub label_bytes_max: usize,
    /// Requests in one second, of all senders together; as many may come at once.
    pub requests_per_second_max: u32,
    /// Requests whose bodies are read or worked on at the same time.
    pub requests_at_once_max: usize,
    /// Open connections.
    pub connections_max: usize,
    /// How long a body may take to arrive, seconds.
    pub read_seconds_max: u64,
    /// How far a sample may be ahead of this machine's clock, seconds.
    pub ahead_seconds_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            message_bytes_max: 4 * 1024 * 1024,
            series_max: 10_000,
            samples_max: 20_000,
            symbols_max: 50_000,
            labels_max: 64,
            label_bytes_max: 8 * 1024,
            requests_per_second_max: 100,
            requests_at_once_max: 4,
            connections_max: 64,
            read_seconds_max: 10,
            ahead_seconds_max: 5,
        }
    }
}

/// A limit outside what makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitFault {
    /// Which.
    pub field: &'static str,
    /// What was found and what was expected.
    pub reason: String,
}

impl Limits {
    /// The same limits, or the first that makes no sense.
    pub fn check(self) -> Result<Self, LimitFault> {
        let mebi = 1024 * 1024;
        within("body_bytes_max", self.body_bytes_max, 1024..=64 * mebi)?;
        within("message_bytes_max", self.message_bytes_max, 1024..=256 * mebi)?;
        within("series_max", self.series_max, 1..=1_000_000)?;
        within("samples_max", self.samples_max, 1..=1_000_000)?;
        within("symbols_max", self.symbols_max, 1..=1_000_000)?;
        within("labels_max", self.labels_max, 1..=1_000)?;
        within("label_bytes_max", self.label_bytes_max, 64..=mebi)?;
        within("requests_per_second_max", self.requests_per_second_max as usize, 1..=100_000)?;
        within("requests_at_once_max", self.requests_at_once_max, 1..=64)?;
        within("connections_max", self.connections_max, 1..=4_096)?;
        within("read_seconds_max", usize::try_from(self.read_seconds_max).unwrap_or(usize::MAX), 1..=300)?;
        within("ahead_seconds_max", usize::try_from(self.ahead_seconds_max).unwrap_or(usize::MAX), 0..=3_600)?;
        Ok(self)
    }

    /// The most memory that senders can make the intake hold at once, bytes, beside its fixed store. Where a mapping makes
    /// several signals of one series, its samples are held once for each.
    pub const fn memory_bytes_max(&self) -> usize {
        let texts = (self.symbols_max + 4 * self.labels_max) * TEXT_BYTES;
        // Twice: a vector that grows keeps the old half while it copies.
        let working = 2 * (self.samples_max * PENDING_BYTES + texts) + self.samples_max * PENDING_BYTES;
        // Twice the body: its parts while they arrive, and the whole.
        let request = 2 * self.body_bytes_max + self.message_bytes_max + working;
        self.requests_at_once_max * request + self.connections_max * CONNECTION_BYTES
    }

    pub(crate) const fn read_deadline(&self) -> Duration {
        Duration::from_secs(self.read_seconds_max)
    }

    pub(crate) fn ahead_ms(&self) -> i64 {
        i64::try_from(self.ahead_seconds_max.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }
}

fn within(field: &'static str, found: usize, expected: RangeInclusive<usize>) -> Result<(), LimitFault> {
    if expected.contains(&found) {
        return Ok(());
    }
    Err(LimitFault { field, reason: format!("{found}, expected {} to {}", expected.start(), expected.end()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_own_limits_and_bound_memory() {
        let limits = Limits::default().check().expect("good");
        assert!(limits.memory_bytes_max() < 49 * 1024 * 1024, "{}", limits.memory_bytes_max());
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_named() {
        let fault = Limits { connections_max: 0, ..Limits::default() }.check().expect_err("none");
        assert_eq!((fault.field, fault.reason.as_str()), ("connections_max", "0, expected 1 to 4096"));
        assert!(toml::from_str::<Limits>("body_bytes = 3").is_err(), "an unknown limit is refused");
    }
}
