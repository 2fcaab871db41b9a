//! How the site is, as this replica last published it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ridethrough_core::site::Site;
use ridethrough_dashboard::Snapshot;
use serde_json::Value;

/// The site, and what was last published of it.
#[derive(Debug)]
pub struct Shown {
    /// What stands where.
    pub site: Arc<Site>,
    /// What was last published.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
}

impl Shown {
    /// All of it.
    pub(super) fn shown(&self) -> Value {
        serde_json::to_value(&**self.snapshot.load())
            .unwrap_or_else(|error| super::failed(&format!("what is shown cannot be told: {error}")))
    }
}
