//! What a feed and everything behind it is doing.
//!
//! ```text
//!            utility lost                    generator carries
//!  Normal ───────────────► RideThrough ─────────────────────────► Generator
//!    ▲                       │    ▲ │                                │
//!    │                       │    │ └─ time left < time to shut down │
//!    │      utility is back  │    └───────────────┐        │         │
//!    │   ┌───────────────────┘     generator came │        ▼         │
//!    └── Recovery ◄──────────────────────────── OrderlyShutdown      │
//!  charged  ▲                  utility is back                       │
//!           └────────────────────────────────────────────────────────┘
//! ```
//!
//! Whether the site is in manual mode, or a device held by an operator, stands beside it in the ledger. That there is
//! no quorum ("degraded") can be seen from outside only: nothing is committed then, and devices go on by their leases
//! and then by their own rules.

use std::fmt;

/// The mode of one feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// The utility carries the load.
    #[default]
    Normal,
    /// The utility is lost and modules bridge.
    RideThrough,
    /// The generator carries the load.
    Generator,
    /// Nothing will carry the load in time: servers shut down in good order.
    OrderlyShutdown,
    /// The utility is back, and modules recharge.
    Recovery,
}

impl Mode {
    /// Whether modules carry the load.
    pub const fn bridges(self) -> bool {
        matches!(self, Self::RideThrough | Self::OrderlyShutdown)
    }

    /// Whether this is a step that the picture has.
    pub const fn may_become(self, next: Self) -> bool {
        use Mode::{Generator, Normal, OrderlyShutdown, Recovery, RideThrough};
        matches!(
            (self, next),
            (Normal | Recovery | Generator, RideThrough)
                | (RideThrough, Generator | OrderlyShutdown | Recovery)
                | (OrderlyShutdown, Generator | Recovery)
                | (Generator, Recovery)
                | (Recovery, Normal)
        )
    }

    /// The mode as metrics and people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::RideThrough => "ride-through",
            Self::Generator => "generator",
            Self::OrderlyShutdown => "orderly shutdown",
            Self::Recovery => "recovery",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a mode changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModeReason {
    /// So many independent witnesses see the utility gone, and none of those that speak sees it good.
    UtilityLost {
        /// How many say so.
        witnesses: u8,
        /// Of how many that are heard.
        of: u8,
    },
    /// The transfer switch is on a generator that runs.
    GeneratorCarries,
    /// The generator has stopped carrying, and no utility is good.
    GeneratorLost,
    /// What is stored lasts no longer than servers need to shut down.
    TimeIsUp,
    /// A utility is good again.
    UtilityBack,
    /// Modules hold what they are meant to hold.
    Recharged,
}

impl fmt::Display for ModeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UtilityLost { witnesses, of } => {
                write!(f, "{witnesses} of {of} independent witnesses see the utility gone")
            }
            Self::GeneratorCarries => f.write_str("the generator carries the load"),
            Self::GeneratorLost => f.write_str("the generator no longer carries the load"),
            Self::TimeIsUp => f.write_str("what is stored lasts no longer than servers need to shut down"),
            Self::UtilityBack => f.write_str("a utility is good again"),
            Self::Recharged => f.write_str("modules hold what they should"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_steps_of_the_picture_are_allowed() {
        use Mode::{Generator, Normal, OrderlyShutdown, Recovery, RideThrough};
        let all = [Normal, RideThrough, Generator, OrderlyShutdown, Recovery];
        let steps = all.iter().flat_map(|from| all.iter().filter(|to| from.may_become(**to))).count();
        assert_eq!(steps, 10);
        assert!(!Normal.may_become(OrderlyShutdown), "nobody shuts down what was not lost");
        assert!(!Recovery.may_become(Recovery));
    }

    #[test]
    fn modules_bridge_while_nothing_else_carries() {
        assert!(Mode::RideThrough.bridges() && Mode::OrderlyShutdown.bridges());
        assert!(!Mode::Normal.bridges() && !Mode::Generator.bridges() && !Mode::Recovery.bridges());
    }
}
