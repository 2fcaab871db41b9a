//! Power from modules to a rack: over which ways, for how long, and why.

use std::fmt;
use std::str::FromStr;

use crate::device::{DeviceId, Direction};
use crate::forecast::RackForecast;
use crate::site::{KesmId, RackId, Site, TieId};
use crate::units::{Millis, Watts};

/// At most so many sources serve one rack.
pub const LEGS_MAX: usize = 8;
/// At most so many ties lie on one path.
pub const HOPS_MAX: usize = 8;

/// Power from KESMs to a rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who receives.
    pub rack: RackId,
    /// From where, over which ties, how much.
    pub legs: Vec<Leg>,
    /// The rack's draw above which help begins: at most its limit less the margin, less where its row needs relief.
    pub help_above: Watts,
    /// Why.
    pub risk: Risk,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// One source of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The source.
    pub kesm: KesmId,
    /// Ties from the source's rack to the receiver, in order; none when the source sits on the receiver's bus.
    pub path: Vec<Hop>,
    /// The most that the source gives to its bus.
    pub supplied: Watts,
    /// The most that reaches the receiver's bus.
    pub delivered: Watts,
}

/// One tie of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    /// The tie.
    pub tie: TieId,
    /// The way through it.
    pub direction: Direction,
}

/// Why a rack needs help: the numbers that the decision was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Risk {
    /// What its servers took.
    pub present: Watts,
    /// What they may come to take.
    pub forecast: RackForecast,
    /// What its breaker carries.
    pub limit: Watts,
    /// The distance kept from the limit.
    pub margin: Watts,
}

impl Grant {
    /// Its modules and ties; one that two legs use comes twice.
    pub fn devices(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.legs.iter().flat_map(Leg::devices)
    }

    /// Every rack that it touches: the receiver, those of the sources, those on the way; some more than once. The
    /// grant must be of this site.
    pub fn racks<'a>(&'a self, site: &'a Site) -> impl Iterator<Item = RackId> + 'a {
        let sources = self.legs.iter().map(|leg| site.kesm(leg.kesm).rack);
        let ways = self.legs.iter().flat_map(|leg| &leg.path).map(|hop| site.tie(hop.tie).sink(hop.direction));
        std::iter::once(self.rack).chain(sources).chain(ways)
    }
}

impl Leg {
    /// Its module, then its ties.
    pub fn devices(&self) -> impl Iterator<Item = DeviceId> + '_ {
        std::iter::once(DeviceId::Kesm(self.kesm)).chain(self.path.iter().map(|hop| DeviceId::Tie(hop.tie)))
    }

    /// Whether it rests on this device.
    pub fn uses(&self, device: DeviceId) -> bool {
        self.devices().any(|used| used == device)
    }
}

impl Site {
    /// A source and its path for people, such as `K2 via A3-A4, A4-A5`. The leg must be of this site.
    pub fn leg_name(&self, leg: &Leg) -> String {
        let source = &self.kesm(leg.kesm).name;
        if leg.path.is_empty() {
            return source.clone();
        }
        let ties: Vec<&str> = leg.path.iter().map(|hop| self.tie(hop.tie).name.as_str()).collect();
        format!("{source} via {}", ties.join(", "))
    }
}

/// A transfer's name: the entry that granted it and its place there. Printed as `index.nth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId {
    /// Log index of the entry.
    pub index: u64,
    /// Place among the grants of the entry.
    pub nth: u16,
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.nth)
    }
}

impl FromStr for TransferId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}`: expected an entry and a place, such as `184.0`");
        let (index, nth) = text.split_once('.').ok_or_else(expected)?;
        Ok(Self { index: index.parse().map_err(|_| expected())?, nth: nth.parse().map_err(|_| expected())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_transfer_is_read_as_it_is_told() {
        let id = TransferId { index: 184, nth: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "184", "184.", ".0", "184.0.1", "-1.0", "184.99999", "x.0"] {
            let said = format!("`{text}`: expected an entry and a place, such as `184.0`");
            assert_eq!(text.parse::<TransferId>(), Err(said));
        }
    }

    #[test]
    fn a_leg_is_named_by_its_source_and_its_ties_in_order() {
        let site = crate::example::site();
        let hop = |tie| Hop { tie: TieId(tie), direction: Direction::Forward };
        let leg = |path| Leg { kesm: KesmId(0), path, supplied: Watts::new(2), delivered: Watts::new(1) };
        assert_eq!(site.leg_name(&leg(vec![])), "K0");
        assert_eq!(site.leg_name(&leg(vec![hop(0), hop(1)])), "K0 via T0, T1");
    }
}
