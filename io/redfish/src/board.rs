//! What is known at one moment, and how long that is believed.

use std::time::{Duration, Instant};

use crate::shown::Shown;
use crate::tree::Tree;

/// A board older than this is not believed: its replica has lost the leader, or its control loop stands. It outlasts a failover.
const FRESH_FOR: Duration = Duration::from_secs(2);

/// What is told of a site. At first nothing is known.
#[derive(Clone, Debug, Default)]
pub struct Board {
    at: Option<Instant>,
    shown: Shown,
}

impl Board {
    /// The board of what is known to be so now; none when that is of another site.
    pub fn new(tree: &Tree, shown: Shown, now: Instant) -> Option<Self> {
        let told = [shown.racks.len(), shown.kesms.len(), shown.outlets.len()];
        (told == [tree.racks(), tree.kesms(), tree.outlets()]).then_some(Self { at: Some(now), shown })
    }

    /// What it tells; none when that is too old.
    pub(crate) fn fresh(&self, now: Instant) -> Option<&Shown> {
        let age = now.saturating_duration_since(self.at?);
        (age <= FRESH_FOR).then_some(&self.shown)
    }
}
