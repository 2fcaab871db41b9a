//! One request, from its compressed bytes to the tally of its samples. Takes bytes and `now`; no socket, no clock.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ridethrough_core::site::Site;

use crate::book::{Book, Moment};
use crate::limits::Limits;
use crate::mapping::Mapping;
use crate::signals::{Signals, slots};
use crate::tally::{Fate, Tally};
use crate::wire::{Message, Sample, Series, WireError, read};

/// Snappy's densest element copies 64 bytes for 3: a length that promises more than this times the body is a lie.
const EXPANSION_MAX: usize = 22;

/// Both clocks of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The wall's, which samples are stamped by, milliseconds of Unix time.
    pub unix_ms: i64,
    /// The monotonic one, which ages are told by.
    pub at: Instant,
}

/// A request of which nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The compressed body is longer than is borne.
    Body {
        /// Its length, bytes.
        found: usize,
        /// At most so many.
        max: usize,
    },
    /// The message is longer than is borne.
    Message {
        /// What its body says, bytes.
        found: usize,
        /// At most so many.
        max: usize,
    },
    /// It is not snappy's block format.
    Snappy,
    /// It is not the message that its content type says, or holds too much.
    Wire(WireError),
}

impl Refused {
    /// Whether a smaller request would be taken.
    pub const fn is_too_large(&self) -> bool {
        matches!(self, Self::Body { .. } | Self::Message { .. } | Self::Wire(WireError::TooMany { .. }))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body { found, max } => write!(f, "the body has {found} bytes, expected at most {max}"),
            Self::Message { found, max } => write!(f, "the message has {found} bytes, expected at most {max}"),
            Self::Snappy => write!(f, "the body is not in snappy's block format"),
            Self::Wire(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

/// All that a request needs.
#[derive(Debug)]
pub struct Intake {
    mapping: Mapping,
    limits: Limits,
    signals: Arc<Signals>,
    /// Only requests take this lock; who reads signals never does.
    book: Mutex<Book>,
    prints: RandomState,
}

/// A sample of a mapped series, kept until its request is known to be whole.
struct Pending {
    input: usize,
    print: u64,
    sample: Sample,
    /// Whether its fate is tallied.
    told: bool,
}

/// A message while it is read.
#[derive(Default)]
struct Sorted {
    tally: Tally,
    pending: Vec<Pending>,
    /// Of the series at hand.
    inputs: Vec<usize>,
}

impl Intake {
    /// An intake with empty signals. `mapping` must have been checked against this site.
    pub fn new(site: &Site, mapping: Mapping, limits: Limits, started: Instant) -> Self {
        let ages = mapping.ages(slots(site));
        let signals = Arc::new(Signals::new(site, started, |slot| ages[slot]));
        let book = Mutex::new(Book::new(&mapping.inputs, &signals));
        Self { mapping, limits, signals, book, prints: RandomState::new() }
    }

    /// What others read.
    pub fn signals(&self) -> Arc<Signals> {
        Arc::clone(&self.signals)
    }

    /// What is borne.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes what is good of a request. An error means that nothing of it was taken.
    pub fn write(&self, message: Message, body: &[u8], now: Now) -> Result<Tally, Refused> {
        let bytes = decompress(body, &self.limits)?;
        let mut sorted = Sorted::default();
        read(message, &bytes, &self.limits, &mut |series| self.sort(series, &mut sorted)).map_err(Refused::Wire)?;
        let Sorted { mut tally, pending, .. } = sorted;
        self.take(&pending, &mut tally, now);
        Ok(tally)
    }

    /// Says what can be said already, and keeps the samples of mapped series.
    fn sort(&self, series: &Series<'_>, sorted: &mut Sorted) {
        let Sorted { tally, pending, inputs } = sorted;
        tally.exemplars(series.exemplars);
        let mut settle = |fate| {
            tally.samples(fate, series.samples.len());
            tally.histograms(fate, series.histograms);
        };
        if series.is_faulty() {
            return settle(Fate::Labels);
        }
        inputs.clear();
        let wanted = self.mapping.inputs_of(series, inputs);
        if inputs.is_empty() {
            return settle(if wanted { Fate::Unknown } else { Fate::Unmapped });
        }
        tally.histograms(Fate::Histogram, series.histograms);
        let print = self.print(series);
        // A series may be several signals, but its samples were sent once: the first of them speaks for all.
        for (nth, &input) in inputs.iter().enumerate() {
            pending.extend(series.samples.iter().map(|&sample| Pending { input, print, sample, told: nth == 0 }));
        }
    }

    fn take(&self, pending: &[Pending], tally: &mut Tally, now: Now) {
        let moment =
            Moment { unix_ms: now.unix_ms, clock_ms: self.signals.clock_ms(now.at), ahead_ms: self.limits.ahead_ms() };
        // Whoever panicked with the lock has left at worst one series behind its time.
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        for &Pending { input, print, sample, told } in pending {
            let fate = book.take(input, print, sample, moment);
            if told {
                tally.samples(fate, 1);
            }
        }
        // Only now: the series of one scrape come together, and a sum of half of them would be wrong.
        let mut slots: Vec<_> = pending.iter().map(|one| book.slot(one.input)).collect();
        slots.sort_unstable();
        slots.dedup();
        for slot in slots {
            book.publish(slot, &self.signals, moment);
        }
    }

    /// A hash of all labels under a key of this process, so that nobody can look for two series with the same.
    fn print(&self, series: &Series<'_>) -> u64 {
        self.prints.hash_one(series.labels())
    }
}

/// The message, whose length is known before it is made room for.
fn decompress(body: &[u8], limits: &Limits) -> Result<Vec<u8>, Refused> {
    if body.len() > limits.body_bytes_max {
        return Err(Refused::Body { found: body.len(), max: limits.body_bytes_max });
    }
    let found = snap::raw::decompress_len(body).map_err(|_| Refused::Snappy)?;
    if found > limits.message_bytes_max {
        return Err(Refused::Message { found, max: limits.message_bytes_max });
    }
    if found > body.len().saturating_mul(EXPANSION_MAX) {
        return Err(Refused::Snappy);
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(|_| Refused::Snappy)
}
