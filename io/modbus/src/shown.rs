//! What is told, as the node knows it. What is freshly measured is there; what is not, is not.

use ridethrough_core::mode::Mode;
use ridethrough_core::units::{Joules, Millis, Watts};

/// A site at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The site as a whole.
    pub site: SiteShown,
    /// Racks in the site's order.
    pub racks: Vec<RackShown>,
    /// Modules in the site's order.
    pub kesms: Vec<KesmShown>,
    /// Feeds in the site's order.
    pub feeds: Vec<FeedShown>,
}

/// How the replica that tells knows what the cluster has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It hears a leader.
    #[default]
    Follows,
    /// It leads, and a majority confirms that.
    Leads,
}

/// The site as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteShown {
    /// Whether an operator has taken over.
    pub manual: bool,
    /// The replica that leads.
    pub leader: Option<u16>,
    /// What the one that tells is to it.
    pub standing: Standing,
    /// Raft term.
    pub term: u64,
    /// Last log index known to be committed.
    pub commit: u64,
    /// Alarms that stand or wait for somebody: of priority 1, 2 and 3. At most 64 are known, the most urgent.
    pub alarms: [usize; 3],
    /// Of them, those that nobody has acknowledged.
    pub alarms_unseen: usize,
    /// Transfers in force.
    pub transfers: usize,
    /// Field devices heard lately.
    pub devices_heard: usize,
    /// All field devices.
    pub devices: usize,
}

/// A rack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RackShown {
    /// What its servers take.
    pub load: Option<Watts>,
    /// What comes through its breaker.
    pub draw: Option<Watts>,
    /// What its breaker carries for ever.
    pub limit: Watts,
    /// At most so much for its servers together, where they get less.
    pub cap: Option<Watts>,
    /// Whether it needs help.
    pub at_risk: bool,
    /// Whether its breaker is open, as last told.
    pub tripped: bool,
}

/// What a module does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KesmState {
    /// Less than 100 W.
    #[default]
    Rests,
    /// It gives.
    Gives,
    /// It charges.
    Charges,
    /// It is not heard.
    Silent,
    /// An operator holds it.
    Held,
    /// It is not relied on.
    Quarantined,
}

/// A module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KesmShown {
    /// Usable energy.
    pub stored: Option<Joules>,
    /// Usable energy when full.
    pub capacity: Joules,
    /// What it gives; negative while it charges.
    pub supply: Option<Watts>,
    /// What it does.
    pub state: KesmState,
}

/// A feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedShown {
    /// What it and everything behind it is doing.
    pub mode: Option<Mode>,
    /// For how long.
    pub since: Millis,
}
