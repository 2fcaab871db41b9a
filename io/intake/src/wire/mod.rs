//! The two messages of remote-write, read where they lie: no text is copied, nothing is allocated for what a message
//! merely claims, and every count is held against its limit while it is read.

mod fields;
mod series;
mod v1;
mod v2;

use std::fmt;

pub use series::{Sample, Series};

use crate::limits::Limits;

/// Which message a body holds, as its content type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// `prometheus.WriteRequest`, remote-write 1.0.
    V1,
    /// `io.prometheus.write.v2.Request`, remote-write 2.0.
    V2,
}

/// A message that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// It ends within a field.
    Truncated,
    /// An integer of more than 64 bits.
    Varint,
    /// A field without a number.
    Field,
    /// A field of another type than the schema says.
    WireType,
    /// A text that is not UTF-8.
    Text,
    /// A reference to a symbol that is not there, or half a pair.
    Reference,
    /// More of something than is borne.
    TooMany {
        /// Of what.
        what: &'static str,
        /// At most so many.
        max: usize,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "the message ends within a field"),
            Self::Varint => write!(f, "an integer is longer than 64 bits"),
            Self::Field => write!(f, "a field has no number"),
            Self::WireType => write!(f, "a field has another type than the schema says"),
            Self::Text => write!(f, "a text is not UTF-8"),
            Self::Reference => write!(f, "a series refers to a symbol that is not there"),
            Self::TooMany { what, max } => write!(f, "more than {max} {what} in one request"),
        }
    }
}

impl std::error::Error for WireError {}

/// Reads a whole message and hands over each of its series. An error may come after some were handed over: whoever
/// takes them does nothing with them until this has returned.
pub fn read<'a>(
    message: Message,
    bytes: &'a [u8],
    limits: &Limits,
    take: &mut dyn FnMut(&Series<'a>),
) -> Result<(), WireError> {
    match message {
        Message::V1 => v1::read(bytes, limits, take),
        Message::V2 => v2::read(bytes, limits, take),
    }
}

/// What is left of the limits of a request.
#[derive(Debug)]
struct Budget<'l> {
    limits: &'l Limits,
    series: usize,
    samples: usize,
    histograms: usize,
    exemplars: usize,
}

impl<'l> Budget<'l> {
    const fn new(limits: &'l Limits) -> Self {
        Self { limits, series: 0, samples: 0, histograms: 0, exemplars: 0 }
    }

    fn series(&mut self) -> Result<(), WireError> {
        spend(&mut self.series, "series", self.limits.series_max)
    }

    fn sample(&mut self) -> Result<(), WireError> {
        spend(&mut self.samples, "samples", self.limits.samples_max)
    }

    fn histogram(&mut self) -> Result<(), WireError> {
        spend(&mut self.histograms, "histograms", self.limits.samples_max)
    }

    fn exemplar(&mut self) -> Result<(), WireError> {
        spend(&mut self.exemplars, "exemplars", self.limits.samples_max)
    }
}

fn spend(spent: &mut usize, what: &'static str, max: usize) -> Result<(), WireError> {
    if *spent == max {
        return Err(WireError::TooMany { what, max });
    }
    *spent += 1;
    Ok(())
}
