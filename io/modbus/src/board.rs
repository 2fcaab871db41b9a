//! All registers of one moment, and how long they are believed.

use std::time::{Duration, Instant};

use crate::layout::Layout;
use crate::shown::Shown;

/// A board older than this is not believed: its replica has lost the leader, or its control loop stands. It outlasts a failover.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// What the register of the age holds at the most.
const AGE_MAX_MS: i64 = 0xfffe;

/// What is told of a site, written already. At first nothing is known.
#[derive(Clone, Debug, Default)]
pub struct Board {
    at: Option<Instant>,
    /// From the end of the identity's block on.
    registers: Vec<u16>,
}

impl Board {
    /// The board of what is known to be so now; none when that is of another site.
    pub fn new(layout: &Layout, shown: &Shown, now: Instant) -> Option<Self> {
        Some(Self { at: Some(now), registers: layout.write(shown)? })
    }

    /// How old it is in milliseconds, as far as a register tells; none before anything was known.
    pub(crate) fn age_ms(&self, now: Instant) -> Option<i64> {
        let age = now.saturating_duration_since(self.at?);
        Some(i64::try_from(age.as_millis()).unwrap_or(AGE_MAX_MS).min(AGE_MAX_MS))
    }

    /// Its registers; none when they are too old to be told.
    pub(crate) fn fresh(&self, now: Instant) -> Option<&[u16]> {
        let age = now.saturating_duration_since(self.at?);
        (age <= FRESH_FOR).then_some(&self.registers)
    }
}
