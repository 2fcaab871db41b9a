//! What must hold in a drill, besides what must always hold.

use serde::Deserialize;

/// Budgets and facts. Whatever a drill says: nothing uncommitted is executed, nothing is executed twice, no fence falls, the
/// logs agree and verify, at most one replica acts in a term, the plant's energy adds up, and nobody ends who was not touched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How long it may take from a fault that takes the leader away until a device obeys the next one, in ms.
    pub gap_ms: Option<u64>,
    /// How long until the steady state is back after the last fault has been ended, in s.
    #[serde(default = "Expect::recovered_within_s")]
    pub recovered_within_s: f64,
    /// How many racks may go dark.
    #[serde(default)]
    pub trips_max: usize,
    /// From the first fault on, every device is in its local safe state within so long, in ms.
    pub safe_within_ms: Option<u64>,
    /// While faults last, the leader quarantines this device, such as `kesm K1`; `a module in use` is the one that a fault chose.
    pub quarantined: Option<String>,
    /// While faults last, a feed comes into this mode, such as `ride-through`.
    pub mode: Option<String>,
    /// While faults last, forecasts come from here: `rule` or `model`.
    pub forecast: Option<String>,
    /// Devices refuse at least so many frames more than before.
    pub refused_min: Option<u64>,
    /// The leader misses at most so many of its control periods.
    pub ticks_skipped_max: Option<u64>,
    /// At least so many entries are committed while replicas of both programs run.
    pub mixed_entries_min: Option<u64>,
    /// The replica that was touched ends by itself.
    #[serde(default)]
    pub ends_by_itself: bool,
    /// The leader stays the same.
    #[serde(default)]
    pub same_leader: bool,
}

impl Expect {
    const fn recovered_within_s() -> f64 {
        60.0
    }
}

impl Expect {
    /// Every budget of its own, for people.
    pub fn budgets(&self) -> Vec<String> {
        let told = [
            self.gap_ms.map(|ms| format!("a device obeys the next leader within {ms} ms")),
            self.safe_within_ms.map(|ms| format!("every device is in its local safe state within {ms} ms")),
            self.quarantined.as_ref().map(|device| format!("{device} is quarantined")),
            self.mode.as_ref().map(|mode| format!("a feed comes into mode {mode}")),
            self.forecast.as_ref().map(|source| format!("forecasts come from the {source}")),
            self.refused_min.map(|least| format!("devices refuse at least {least} frames")),
            self.ticks_skipped_max.map(|most| format!("the leader misses at most {most} control periods")),
            self.mixed_entries_min
                .map(|least| format!("at least {least} entries are committed while both programs run")),
            self.ends_by_itself.then(|| "the replica that is touched ends by itself".into()),
            self.same_leader.then(|| "the leader stays the same".into()),
            Some(format!("at most {} racks go dark", self.trips_max)),
        ];
        told.into_iter().flatten().collect()
    }
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            gap_ms: None,
            recovered_within_s: Self::recovered_within_s(),
            trips_max: 0,
            safe_within_ms: None,
            quarantined: None,
            mode: None,
            forecast: None,
            refused_min: None,
            ticks_skipped_max: None,
            mixed_entries_min: None,
            ends_by_itself: false,
            same_leader: false,
        }
    }
}
