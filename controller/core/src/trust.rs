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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_meter_says_of_itself_makes_it_unbelievable() {
        let of_the_meter: Vec<bool> =
            [Fault::Refused, Fault::Unable, Fault::Silent, Fault::NotFollowing, Fault::NotAddingUp, Fault::Still]
                .map(Fault::is_of_the_meter)
                .into();
        assert_eq!(of_the_meter, [false, false, false, false, true, true]);
    }
}
