//! Which UPSes there are, which never changes while a replica runs, and what is true of them now.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::shown::UpsShown;

/// A board older than this is not believed: its replica has lost the leader, or its control loop stands. It outlasts a failover.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// The longest name of a context that version 3 can carry and people would type, bytes (RFC 3411: 32).
const NAME_MAX: usize = 32;

/// A UPS as managers know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ups {
    /// What it is called; of a rack, it is the name of its context, too.
    pub name: String,
    /// What it is made of.
    pub model: String,
    /// What lives on it.
    pub attached: String,
}

/// All UPSes: the site first, which is the context without a name, then its racks.
#[derive(Clone, Debug)]
pub struct Fleet {
    upses: Vec<Ups>,
    racks: HashMap<String, usize>,
}

/// A rack whose name is no context's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetError {
    /// The rack.
    pub rack: String,
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snmp: rack `{}`: the name of a context is at most {NAME_MAX} bytes long; rename the rack", self.rack)
    }
}

impl std::error::Error for FleetError {}

impl Fleet {
    /// The site and its racks.
    pub fn new(site: Ups, racks: Vec<Ups>) -> Result<Self, FleetError> {
        if let Some(long) = racks.iter().find(|rack| rack.name.len() > NAME_MAX || rack.name.is_empty()) {
            return Err(FleetError { rack: long.name.clone() });
        }
        let by_name = racks.iter().enumerate().map(|(nth, rack)| (rack.name.clone(), nth + 1)).collect();
        Ok(Self { upses: std::iter::once(site).chain(racks).collect(), racks: by_name })
    }

    /// How many there are, the site included.
    pub const fn len(&self) -> usize {
        self.upses.len()
    }

    /// Never: the site is always there.
    pub const fn is_empty(&self) -> bool {
        self.upses.is_empty()
    }

    /// The place of the one that a context names: no name is the site.
    pub(crate) fn place(&self, context: &[u8]) -> Option<usize> {
        if context.is_empty() {
            return Some(0);
        }
        self.racks.get(std::str::from_utf8(context).ok()?).copied()
    }

    pub(crate) fn ups(&self, place: usize) -> Option<&Ups> {
        self.upses.get(place)
    }
}

/// What is true of every UPS, in the fleet's order. At first nothing is known.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// When that was known to be so; never, at first.
    pub at: Option<Instant>,
    /// One for each UPS.
    pub upses: Vec<UpsShown>,
}

impl Board {
    /// What is true of this UPS; none when that is too old to be told.
    pub(crate) fn shown(&self, place: usize, now: Instant) -> Option<&UpsShown> {
        let age = now.saturating_duration_since(self.at?);
        self.upses.get(place).filter(|_| age <= FRESH_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ups(name: &str) -> Ups {
        Ups { name: name.into(), model: String::new(), attached: String::new() }
    }

    #[test]
    fn the_site_has_no_name_and_racks_have_theirs() {
        let fleet = Fleet::new(ups("demo"), vec![ups("A1"), ups("Ä 2")]).expect("good");
        let places = ["", "A1", "Ä 2", "a1", "demo"].map(|name| fleet.place(name.as_bytes()));
        assert_eq!(places, [Some(0), Some(1), Some(2), None, None]);
        assert_eq!(fleet.place(&[0xff]), None, "no text");
        assert_eq!((fleet.len(), fleet.ups(1), fleet.ups(3)), (3, Some(&ups("A1")), None));
        let long = "x".repeat(33);
        let refused = Fleet::new(ups("demo"), vec![ups(&long)]).expect_err("too long").to_string();
        assert!(refused.contains(&long), "{refused}");
    }

    #[test]
    fn what_is_old_is_not_told() {
        let now = Instant::now();
        let board = Board { at: Some(now), upses: vec![UpsShown::default()] };
        assert!(board.shown(0, now + FRESH_FOR).is_some() && board.shown(1, now).is_none());
        assert!(board.shown(0, now + FRESH_FOR + Duration::from_millis(1)).is_none(), "old");
        assert!(Board { at: None, ..board }.shown(0, now).is_none(), "never");
    }
}
