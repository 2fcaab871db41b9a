//! What is told, as the node knows it. What is freshly measured is there; what is not, is not.

use std::time::Instant;

use ridethrough_core::units::{Millis, Watts};

/// Where the power of a UPS's loads comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// From its input, that is the utility or a generator.
    #[default]
    Normal,
    /// From modules, which bridge.
    Battery,
    /// From nothing: its breaker is open.
    Nothing,
}

/// An alarm as RFC 1628 has it (`upsWellKnownAlarms`), with its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WellKnown {
    /// The loads live on what is stored.
    OnBattery = 2,
    /// What is stored does not last.
    LowBattery = 3,
    /// The input is not as it has to be.
    InputBad = 6,
    /// More is drawn than may be given.
    OutputOverload = 8,
    /// Something else is wrong.
    GeneralFault = 18,
    /// A device, or the whole UPS, is not heard.
    CommunicationsLost = 20,
}

/// An alarm that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmShown {
    /// Its number, which stays the same as long as it stands, at every replica.
    pub id: u32,
    /// What it is.
    pub kind: WellKnown,
    /// When it came; none when that was before this machine's clock began.
    pub began: Option<Instant>,
}

/// What is true of a UPS: the site, or one rack of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpsShown {
    /// Where the power comes from.
    pub source: Source,
    /// Whether what is stored does not last, so that servers are shut down.
    pub low: bool,
    /// For how long modules have been bridging; nothing while they do not.
    pub on_battery: Millis,
    /// How long what is stored would carry the present load.
    pub runtime: Option<Millis>,
    /// Usable energy, of what fits, per cent.
    pub charge_percent: Option<u8>,
    /// How often its input was lost since this agent began.
    pub input_bads: u32,
    /// What comes in, by line.
    pub inputs: Vec<Option<Watts>>,
    /// What its servers take.
    pub load: Option<Watts>,
    /// What it may give for ever.
    pub limit: Watts,
    /// Alarms that stand, by number.
    pub alarms: Vec<AlarmShown>,
}
