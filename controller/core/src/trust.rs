//! Why a device is not relied on.

use std::fmt;

/// Why a device is not planned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It refused an order lately, or somebody there has locked it.
    Refused,
    /// It says itself that it cannot act.
    Unable,
    /// It did not answer an order in time.
    Silent,
    /// What it measures does not follow what it said it would do.
    NotFollowing,
    /// Its meter and its neighbours' do not add up.
    NotAddingUp,
    /// Its meter repeats itself.
    Still,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "it refused an order",
            Self::Unable => "says that it cannot act",
            Self::Silent => "it does not answer",
            Self::NotFollowing => "it does not do what it acknowledged",
            Self::NotAddingUp => "its meter and its neighbours' do not add up",
            Self::Still => "its meter stands still",
        })
    }
}

impl Fault {
    /// Whether what the device measures is not to be believed either.
    pub const fn is_of_the_meter(self) -> bool {
        matches!(self, Self::NotAddingUp | Self::Still)
    }
}
