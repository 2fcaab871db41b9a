//! What became of the samples of a request.

use std::fmt;

/// What became of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is the newest of its series.
    Taken,
    /// It was there already, the same: a sender that tried again.
    Duplicate,
    /// It said that its series has ended.
    Ended,
    /// No signal is made of its metric. That is normal: senders send everything.
    Unmapped,
    /// A signal is made of its metric, but the mapping does not know the server that its label names.
    Unknown,
    /// Older than what its series told last.
    Late,
    /// The same time as the last of its series, but another value.
    Conflicting,
    /// Older than its mapping allows.
    Old,
    /// Further ahead of this machine's clock than is borne.
    Ahead,
    /// Not a number, or infinite.
    NotFinite,
    /// Below zero.
    Negative,
    /// Above what its mapping says can be.
    Absurd,
    /// From a second series where the mapping expects one, or from more series than can be summed.
    Ambiguous,
    /// A native histogram, of which no signal can be made.
    Histogram,
    /// Of a series whose labels cannot be.
    Labels,
}

impl Fate {
    /// Each of them.
    pub const ALL: [Self; 15] = [
        Self::Taken,
        Self::Duplicate,
        Self::Ended,
        Self::Unmapped,
        Self::Unknown,
        Self::Late,
        Self::Conflicting,
        Self::Old,
        Self::Ahead,
        Self::NotFinite,
        Self::Negative,
        Self::Absurd,
        Self::Ambiguous,
        Self::Histogram,
        Self::Labels,
    ];

    /// Its name in metrics and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Duplicate => "duplicate",
            Self::Ended => "ended",
            Self::Unmapped => "unmapped",
            Self::Unknown => "unknown",
            Self::Late => "late",
            Self::Conflicting => "conflicting",
            Self::Old => "old",
            Self::Ahead => "ahead",
            Self::NotFinite => "not_finite",
            Self::Negative => "negative",
            Self::Absurd => "absurd",
            Self::Ambiguous => "ambiguous",
            Self::Histogram => "histogram",
            Self::Labels => "labels",
        }
    }

    /// Whether it is an error of the sender's, who is told.
    pub const fn is_refusal(self) -> bool {
        !matches!(self, Self::Taken | Self::Duplicate | Self::Ended | Self::Unmapped | Self::Unknown)
    }
}

/// What became of everything in one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [u64; Fate::ALL.len()],
    /// Samples that were not refused.
    pub samples_written: u64,
    /// Native histograms that were not refused.
    pub histograms_written: u64,
    /// Exemplars: none is of interest, none is refused.
    pub exemplars_written: u64,
}

impl Tally {
    /// How many samples and histograms met this fate.
    pub const fn count(&self, fate: Fate) -> u64 {
        self.counts[fate as usize]
    }

    /// How many were refused.
    pub fn refused(&self) -> u64 {
        Fate::ALL.into_iter().filter(|fate| fate.is_refusal()).map(|fate| self.count(fate)).sum()
    }

    pub(crate) fn samples(&mut self, fate: Fate, count: usize) {
        let written = self.note(fate, count);
        self.samples_written += written;
    }

    pub(crate) fn histograms(&mut self, fate: Fate, count: usize) {
        let written = self.note(fate, count);
        self.histograms_written += written;
    }

    pub(crate) fn exemplars(&mut self, count: usize) {
        self.exemplars_written += u64::try_from(count).unwrap_or(u64::MAX);
    }

    /// How many of them count as written.
    fn note(&mut self, fate: Fate, count: usize) -> u64 {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.counts[fate as usize] += count;
        if fate.is_refusal() { 0 } else { count }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.counts.iter().sum();
        write!(f, "{} of {all} samples refused:", self.refused())?;
        let refused = Fate::ALL.into_iter().filter(|fate| fate.is_refusal() && self.count(*fate) > 0);
        for (nth, fate) in refused.enumerate() {
            write!(f, "{} {} {}", if nth == 0 { "" } else { "," }, self.count(fate), fate.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_are_in_the_order_of_their_numbers() {
        for (nth, fate) in Fate::ALL.into_iter().enumerate() {
            assert_eq!(fate as usize, nth, "{fate:?}");
        }
    }

    #[test]
    fn a_tally_says_what_was_refused_and_why() {
        let mut tally = Tally::default();
        tally.samples(Fate::Taken, 3);
        tally.samples(Fate::Unmapped, 4);
        tally.samples(Fate::Old, 2);
        tally.histograms(Fate::Histogram, 1);
        assert_eq!(tally.to_string(), "3 of 10 samples refused: 2 old, 1 histogram");
        assert_eq!((tally.samples_written, tally.histograms_written), (7, 0));
    }
}
