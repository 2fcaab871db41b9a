//! The plant's own energy account: `Σ in − loads − losses = ΔE`.
//!
//! It does not hold by construction: feeds are integrated at the row side, loads at the servers, each loss from its
//! own formula, and stored energy is read from the state that the devices integrate for themselves.

use super::kesm::KesmLoss;
use super::tie::Passage;

/// An account that is off by this share of what was turned over makes a run worthless (honesty rule 1).
pub const ERROR_SHARE_MAX: f64 = 0.001;

/// Where energy was lost, in J.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// In the feeds of the rows.
    pub row_feed_joules: f64,
    /// In the feeders of the racks.
    pub feeder_joules: f64,
    /// In the brake choppers of rack buses: what sources gave beyond what was taken, until they had turned down.
    pub chopper_joules: f64,
    /// In the cables of ties.
    pub tie_cable_joules: f64,
    /// In the converters of ties.
    pub tie_converter_joules: f64,
    /// In modules.
    pub kesm: KesmLoss,
}

/// The account of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EnergyAccount {
    /// From the rows' feeds, in J.
    pub feed_joules: f64,
    /// Into servers, in J.
    pub load_joules: f64,
    /// Lost, in J.
    pub losses: Losses,
    /// Stored in modules at the start, in J.
    pub stored_start_joules: f64,
}

impl EnergyAccount {
    /// Adds what a tie did for `seconds`.
    pub fn add_passage(&mut self, passage: &Passage, seconds: f64) {
        self.losses.tie_cable_joules += passage.cable_watts * seconds;
        self.losses.tie_converter_joules += passage.converter_watts * seconds;
    }

    /// Adds another account, such as that of another row.
    pub fn add(&mut self, other: &Self) {
        self.feed_joules += other.feed_joules;
        self.load_joules += other.load_joules;
        self.stored_start_joules += other.stored_start_joules;
        self.losses.row_feed_joules += other.losses.row_feed_joules;
        self.losses.feeder_joules += other.losses.feeder_joules;
        self.losses.chopper_joules += other.losses.chopper_joules;
        self.losses.tie_cable_joules += other.losses.tie_cable_joules;
        self.losses.tie_converter_joules += other.losses.tie_converter_joules;
        self.losses.kesm.add(&other.losses.kesm);
    }

    /// What does not add up, in J, with `stored_joules` in modules and, less what they are owed, in server supplies
    /// now.
    pub fn error_joules(&self, stored_joules: f64) -> f64 {
        self.feed_joules - self.load_joules - self.losses.total_joules() - (stored_joules - self.stored_start_joules)
    }

    /// The same as a share of what was turned over: fed in, or given by modules.
    pub fn error_share(&self, stored_joules: f64) -> f64 {
        let given_joules = (self.stored_start_joules - stored_joules).max(0.0);
        let turned_over_joules = self.feed_joules.abs() + given_joules;
        if turned_over_joules > 0.0 { self.error_joules(stored_joules) / turned_over_joules } else { 0.0 }
    }
}

impl Losses {
    /// All of them in J.
    pub fn total_joules(&self) -> f64 {
        self.row_feed_joules
            + self.feeder_joules
            + self.chopper_joules
            + self.tie_cable_joules
            + self.tie_converter_joules
            + self.kesm.total_joules()
    }
}

impl KesmLoss {
    /// All of them in J.
    pub fn total_joules(&self) -> f64 {
        self.converter_joules
            + self.conversion_joules
            + self.standing_joules
            + self.resistance_joules
            + self.leak_joules
    }

    /// Adds the losses of another step or module.
    pub fn add(&mut self, other: &Self) {
        self.converter_joules += other.converter_joules;
        self.conversion_joules += other.conversion_joules;
        self.standing_joules += other.standing_joules;
        self.resistance_joules += other.resistance_joules;
        self.leak_joules += other.leak_joules;
    }
}
