//! What one tick decides for the whole site, and the evidence that it was decided by.

use super::grant::{Grant, Risk};
use crate::device::GeneratorDuty;
use crate::mode::{Mode, ModeReason};
use crate::site::{FeedId, KesmId, RackId};
use crate::units::{Joules, Millis, Watts};

/// At most so many grants, releases, charges or shortfalls in one plan.
pub const PLAN_ITEMS_MAX: usize = 4_096;
/// At most so many measurements are the evidence of one plan.
pub const EVIDENCE_MAX: usize = 16_384;

/// What one tick decided, for all racks together: admitted whole or refused whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Transfers to make, renew or change; one for a rack replaces the one it has.
    pub grants: Vec<Grant>,
    /// Transfers to end.
    pub releases: Vec<Release>,
    /// Flywheels that may spin up.
    pub charges: Vec<ChargeGrant>,
    /// Racks at risk whose need could not be met.
    pub shortfalls: Vec<Shortfall>,
    /// Racks whose servers are capped or shut down; one for a rack replaces the one it has.
    pub caps: Vec<CapGrant>,
    /// Racks whose servers are free again.
    pub lifts: Vec<RackId>,
    /// What generators are told.
    pub generators: Vec<GeneratorGrant>,
    /// Feeds that go from one mode to another.
    pub modes: Vec<ModeChange>,
    /// Stored energy of the modules named above, as measured when the plan was made.
    pub stored: Vec<StoredEnergy>,
    /// What the racks that the grants touch may come to take: what single failures are judged by.
    pub loads: Vec<RackLoad>,
}

impl Plan {
    /// Whether it changes nothing and says nothing.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
            && self.releases.is_empty()
            && self.charges.is_empty()
            && self.shortfalls.is_empty()
            && self.caps.is_empty()
            && self.lifts.is_empty()
            && self.generators.is_empty()
            && self.modes.is_empty()
    }
}

/// The end of a transfer before its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Whose transfer.
    pub rack: RackId,
    /// Why.
    pub reason: ReleaseReason,
}

/// Why a transfer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The forecast has stayed below the limit less two margins.
    ForecastFell,
    /// A source refuses or cannot act, and the rack can do without.
    DeviceFailed,
    /// A device did not answer its order in time.
    AckMissing,
    /// Its way or its source can go on no longer, or is needed where a limit is passed now, and nothing else was found.
    NoLongerFeasible,
    /// An operator ended it.
    Operator,
}

impl ReleaseReason {
    /// The reason as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForecastFell => "the forecast fell and stayed low",
            Self::DeviceFailed => "a source failed and the rack could do without",
            Self::AckMissing => "a device did not answer its order in time",
            Self::NoLongerFeasible => {
                "its way or source could not go on or was needed more elsewhere, and no other was found"
            }
            Self::Operator => "an operator ended it",
        }
    }
}

/// Leave for a flywheel to spin up from its rack's headroom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargeGrant {
    /// Whose.
    pub kesm: KesmId,
    /// At most so much from the bus.
    pub charge_max: Watts,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// A rack at risk whose need no source could meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Which.
    pub rack: RackId,
    /// Why it is at risk.
    pub risk: Risk,
    /// What is not covered.
    pub uncovered: Watts,
}

/// Less for the servers of a rack. A decrease of risk: it needs no ack of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapGrant {
    /// Which rack.
    pub rack: RackId,
    /// At most so much for its servers together.
    pub cap: Watts,
    /// Servers of a higher tier shut down.
    pub keep_tiers: u8,
    /// Why.
    pub reason: CapReason,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// Why servers get less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CapReason {
    /// Storage does not cover what the rack takes above its limit.
    RackUncovered,
    /// Storage does not cover what the row takes above its limit.
    RowUncovered,
    /// A single failure would leave the rack with more than caps could take back in time.
    Insecure,
    /// The utility is lost, and what is stored does not last until it is replaced or servers have shut down.
    TimeLeft,
    /// The generator does not carry so much.
    GeneratorFull,
    /// An operator asked for it.
    Operator,
}

impl CapReason {
    /// The reason as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RackUncovered => "storage does not cover what the rack takes above its limit",
            Self::RowUncovered => "storage does not cover what the row takes above its limit",
            Self::Insecure => "a single failure would leave the rack with more than caps could take back in time",
            Self::TimeLeft => {
                "the utility is lost, and what is stored does not last until it is replaced or servers have shut down"
            }
            Self::GeneratorFull => "the generator does not carry so much",
            Self::Operator => "an operator asked for it",
        }
    }
}

/// What a generator is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorGrant {
    /// Whose.
    pub feed: FeedId,
    /// What it is to do.
    pub duty: GeneratorDuty,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// A feed goes from one mode to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeChange {
    /// Which.
    pub feed: FeedId,
    /// Where it goes.
    pub to: Mode,
    /// Why.
    pub reason: ModeReason,
    /// How long what is stored lasts from now, where that was a part of it.
    pub time_left: Option<Millis>,
}

/// Usable energy of a module, as measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredEnergy {
    /// Whose.
    pub kesm: KesmId,
    /// How much.
    pub stored: Joules,
}

/// What a rack may come to take, as judged when a plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RackLoad {
    /// Which.
    pub rack: RackId,
    /// The most that its servers are expected to take.
    pub peak: Watts,
    /// How hot its breaker is: 0 cold, 1000 trips.
    pub heat_permille: u16,
}
