//! What is told, as the node knows it. What is freshly measured is there; what is not, is not.

use ridethrough_core::units::{Joules, Watts};

/// A site at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// How urgent the most urgent alarm is that stands.
    pub health: Health,
    /// Racks in the site's order.
    pub racks: Vec<RackShown>,
    /// Modules in the site's order.
    pub kesms: Vec<KesmShown>,
    /// What the outlet of each server says, in the site's order of servers; none where it has not been heard lately.
    pub outlets: Vec<Option<OutletShown>>,
}

/// How well something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Well.
    #[default]
    Ok,
    /// Somebody should look.
    Warning,
    /// Somebody should look at once.
    Critical,
}

/// How a device stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// It is not heard.
    #[default]
    Silent,
    /// It is heard.
    Heard,
    /// An operator holds it.
    Held,
    /// It is not relied on.
    Quarantined,
}

/// A rack and its PDU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RackShown {
    /// How its PDU stands.
    pub pdu: Device,
    /// What its servers take.
    pub load: Option<Watts>,
    /// What comes through its breaker.
    pub draw: Option<Watts>,
    /// At most so much for its servers together, where they get less.
    pub cap: Option<Watts>,
    /// Whether it needs help.
    pub at_risk: bool,
    /// Whether its breaker is open, as last told.
    pub tripped: bool,
}

/// A module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KesmShown {
    /// How it stands.
    pub device: Device,
    /// Usable energy.
    pub stored: Option<Joules>,
    /// What it gives; negative while it charges.
    pub supply: Option<Watts>,
}

/// What an outlet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutletShown {
    /// It is closed, and feeds so much.
    Feeds(Watts),
    /// It is closed or may be, and nobody measures what it feeds.
    Unmetered,
    /// It is open.
    Open,
}
