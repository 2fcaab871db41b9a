//! Judges: they watch every step of the true state and never act.

use serde::Serialize;

/// Why a rack went dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DarkCause {
    /// Its breaker opened.
    Breaker,
    /// Its bus had no working point.
    Collapse,
}

/// Where something tripped, by its index in the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A rack, by its PDU's breaker.
    Rack(usize),
    /// A row, by the breaker of its feed.
    Row(usize),
}

/// A rack or a row going dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// Where.
    pub place: Place,
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
    /// What it drew beyond its limit, in J.
    pub over_limit_joules: f64,
    /// The highest draw in W.
    pub peak_draw_watts: f64,
    /// The highest heat of its breaker, 1 trips.
    pub peak_damage: f64,
    /// What its servers would have taken while they had no power, in J.
    pub unserved_joules: f64,
    /// How often its bus left the ITIC curve.
    pub itic_violations: u32,
    /// How often its servers failed because their supplies' hold-up was used up, or their rack went dark.
    pub failures: u32,
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
    /// For how many ms it was below its reserve, outages included.
    pub below_reserve_ms: u64,
    /// For how many of these the supply of its row had been good for so long that no outage excuses them.
    pub below_reserve_supplied_ms: u64,
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
    /// What it gave beyond its limit, in J.
    pub over_limit_joules: f64,
    /// The highest heat of its breaker, 1 trips.
    pub peak_damage: f64,
    /// The highest power in W.
    pub peak_watts: f64,
}

/// All that was seen in a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judges {
    /// Racks and rows that went dark, in the order of time.
    pub trips: Vec<Trip>,
    /// By rack.
    pub racks: Vec<RackRecord>,
    /// By module.
    pub kesms: Vec<KesmRecord>,
    /// By tie.
    pub ties: Vec<TieRecord>,
    /// By row.
    pub rows: Vec<RowRecord>,
    /// The highest power that each feed gave, in W.
    pub feed_peaks_watts: Vec<f64>,
}

/// A step that is judged.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// In ms.
    pub ms: u64,
    /// The same in s.
    pub seconds: f64,
}

impl RackRecord {
    /// Watches one step.
    pub fn watch(&mut self, draw_watts: f64, limit_watts: f64, damage: f64, span: Span) {
        if draw_watts > limit_watts {
            self.over_limit_ms += span.ms;
            self.over_limit_joules += (draw_watts - limit_watts) * span.seconds;
        }
        self.peak_draw_watts = self.peak_draw_watts.max(draw_watts);
        self.peak_damage = self.peak_damage.max(damage);
    }
}

impl KesmRecord {
    /// Nothing seen yet, with so much stored.
    pub fn new(stored_joules: f64) -> Self {
        Self {
            supplied_joules: 0.0,
            charged_joules: 0.0,
            lowest_joules: stored_joules,
            below_reserve_ms: 0,
            below_reserve_supplied_ms: 0,
        }
    }

    /// Watches one step.
    pub fn watch(&mut self, bus_watts: f64, stored_joules: f64, span: Span) {
        self.supplied_joules += bus_watts.max(0.0) * span.seconds;
        self.charged_joules += (-bus_watts).max(0.0) * span.seconds;
        self.lowest_joules = self.lowest_joules.min(stored_joules);
    }

    /// Watches whether it is below its reserve in a step.
    pub fn watch_reserve(&mut self, is_low: bool, is_supplied: bool, span: Span) {
        self.below_reserve_ms += if is_low { span.ms } else { 0 };
        self.below_reserve_supplied_ms += if is_low && is_supplied { span.ms } else { 0 };
    }
}

impl RowRecord {
    /// Watches one step.
    pub fn watch(&mut self, feed_watts: f64, limit_watts: f64, damage: f64, span: Span) {
        if feed_watts > limit_watts {
            self.over_limit_ms += span.ms;
            self.over_limit_joules += (feed_watts - limit_watts) * span.seconds;
        }
        self.peak_watts = self.peak_watts.max(feed_watts);
        self.peak_damage = self.peak_damage.max(damage);
    }
}
