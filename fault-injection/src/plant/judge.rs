//! Judges: they watch every step of the true state and never act.

use serde::Serialize;

use super::STEP_SECONDS;

/// Why a rack went dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DarkCause {
    /// Its breaker opened.
    Breaker,
    /// Its bus had no working point.
    Collapse,
}

/// A rack going dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// Index of the rack.
    pub rack: usize,
    /// When, in ms of scenario time.
    pub at_ms: u64,
    /// Why.
    pub cause: DarkCause,
}

/// What was seen at a rack.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RackRecord {
    /// For how many ms its draw was over its limit.
    pub over_limit_ms: u64,
    /// The highest draw in W.
    pub peak_draw_watts: f64,
    /// The highest heat of its breaker, 1 trips.
    pub peak_damage: f64,
    /// What its servers would have taken while it was dark, in J.
    pub unserved_joules: f64,
}

/// What was seen at a module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KesmRecord {
    /// Given to its rack bus, in J.
    pub supplied_joules: f64,
    /// Taken from its rack bus, in J.
    pub charged_joules: f64,
    /// The least usable energy, in J.
    pub lowest_joules: f64,
    /// For how many ms it was below its reserve.
    pub below_reserve_ms: u64,
}

/// What was seen at a tie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TieRecord {
    /// Arrived at sink buses, in J.
    pub moved_joules: f64,
    /// The highest flow leaving, in W.
    pub peak_watts: f64,
    /// The highest drop, in V.
    pub peak_drop_volts: f64,
}

/// What was seen at a row's feed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowRecord {
    /// For how many ms it gave more than its limit.
    pub over_limit_ms: u64,
    /// The highest power in W.
    pub peak_watts: f64,
}

/// All that was seen in a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judges {
    /// Racks that went dark, in the order of time.
    pub trips: Vec<Trip>,
    /// By rack.
    pub racks: Vec<RackRecord>,
    /// By module.
    pub kesms: Vec<KesmRecord>,
    /// By tie.
    pub ties: Vec<TieRecord>,
    /// By row.
    pub rows: Vec<RowRecord>,
}

impl RackRecord {
    /// Watches one step.
    pub fn watch(&mut self, draw_watts: f64, limit_watts: f64, damage: f64) {
        self.over_limit_ms += u64::from(draw_watts > limit_watts);
        self.peak_draw_watts = self.peak_draw_watts.max(draw_watts);
        self.peak_damage = self.peak_damage.max(damage);
    }
}

impl KesmRecord {
    /// Nothing seen yet, with so much stored.
    pub fn new(stored_joules: f64) -> Self {
        Self { supplied_joules: 0.0, charged_joules: 0.0, lowest_joules: stored_joules, below_reserve_ms: 0 }
    }

    /// Watches one step.
    pub fn watch(&mut self, bus_watts: f64, stored_joules: f64, reserve_joules: f64) {
        self.supplied_joules += bus_watts.max(0.0) * STEP_SECONDS;
        self.charged_joules += (-bus_watts).max(0.0) * STEP_SECONDS;
        self.lowest_joules = self.lowest_joules.min(stored_joules);
        self.below_reserve_ms += u64::from(stored_joules < reserve_joules);
    }
}

impl RowRecord {
    /// Watches one step.
    pub fn watch(&mut self, feed_watts: f64, limit_watts: f64) {
        self.over_limit_ms += u64::from(feed_watts > limit_watts);
        self.peak_watts = self.peak_watts.max(feed_watts);
    }
}
