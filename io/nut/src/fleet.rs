//! Which UPSes there are, which never changes while a replica runs, and what is true of them now.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ridethrough_core::units::Watts;

use crate::words::quoted;

/// A board older than this is not believed: its replica has lost the leader, or its control loop stands. It outlasts a failover.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// The longest name of a UPS, bytes.
const NAME_MAX: usize = 100;

/// A UPS as hosts see it: the part of a rack's power that one tier of servers lives on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ups {
    /// What hosts call it.
    pub name: String,
    /// What people read.
    pub description: String,
    /// Where it stands: site, row and rack.
    pub location: String,
    /// The tier of the servers that live on it.
    pub tier: u8,
    /// What its rack may draw for ever.
    pub limit: Watts,
}

/// Where a UPS's power comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Power {
    /// From the utility or the generator.
    #[default]
    Line,
    /// From modules, which bridge; this tier goes on.
    Battery,
    /// From modules, and this tier has to shut down now.
    Last,
}

/// What the modules of its row are doing, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// Neither.
    #[default]
    Rest,
    /// They take power.
    Charging,
    /// They give power.
    Discharging,
}

/// What is true of a UPS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpsView {
    /// Where its power comes from.
    pub power: Power,
    /// What the modules of its row do.
    pub flow: Flow,
    /// Usable energy of the row's modules, of what they hold when full, per cent; none when one of them is not heard.
    pub charge_percent: Option<u8>,
    /// How long that would carry the row's present load, seconds.
    pub runtime_s: Option<u32>,
    /// What the servers of the rack take; none when that is not freshly measured.
    pub load: Option<Watts>,
    /// Whether any meter of its row is heard: without one, nothing is known of it but what has been decided.
    pub heard: bool,
}

impl UpsView {
    /// Whether it can be told: that a tier has to go is told whether or not meters are heard.
    pub const fn is_known(&self) -> bool {
        self.heard || matches!(self.power, Power::Last)
    }

    /// Its status as NUT writes it. What has to go is a forced shutdown: `upsmon` as a secondary waits with `OB LB` alone.
    pub fn status(&self) -> String {
        let power = match self.power {
            Power::Line => "OL",
            Power::Battery => "OB",
            Power::Last => "FSD OB LB",
        };
        let flow = match self.flow {
            Flow::Rest => "",
            Flow::Charging => " CHRG",
            Flow::Discharging => " DISCHRG",
        };
        format!("{power}{flow}")
    }
}

/// What is true of every UPS, in the fleet's order.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// When that was known to be so; never, at first.
    pub at: Option<Instant>,
    /// One for each UPS.
    pub views: Vec<UpsView>,
}

impl Board {
    /// What is true of this UPS; none when that is too old or not known.
    pub fn view(&self, nth: usize, now: Instant) -> Option<UpsView> {
        let age = now.saturating_duration_since(self.at?);
        self.views.get(nth).copied().filter(|view| age <= FRESH_FOR && view.is_known())
    }
}

/// All UPSes.
#[derive(Clone, Debug)]
pub struct Fleet {
    upses: Vec<Ups>,
    by_name: HashMap<String, usize>,
    /// The answer to LIST UPS, which may be long and is the same for everybody.
    listed: Arc<str>,
}

/// Names that cannot stand beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetError {
    /// Names differ by their case only, or by what a name may not hold.
    Same {
        /// The name.
        name: String,
    },
    /// A name that is longer than is borne.
    Long {
        /// The name.
        name: String,
    },
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same { name } => write!(
                f,
                "nut: two UPSes would be called `{name}`, since NUT knows no case and names of letters, digits, `-`, `_` and `.` \
                 only; rename a rack of the site"
            ),
            Self::Long { name } => write!(f, "nut: `{name}` is longer than {NAME_MAX} bytes; rename the rack"),
        }
    }
}

impl std::error::Error for FleetError {}

impl Fleet {
    /// A fleet of these, whose names are made such that NUT can say them.
    pub fn new(mut upses: Vec<Ups>) -> Result<Self, FleetError> {
        let mut by_name = HashMap::with_capacity(upses.len());
        let mut listed = String::from("BEGIN LIST UPS\n");
        for (nth, ups) in upses.iter_mut().enumerate() {
            ups.name = sayable(&ups.name);
            if ups.name.len() > NAME_MAX {
                return Err(FleetError::Long { name: ups.name.clone() });
            }
            if by_name.insert(ups.name.to_ascii_lowercase(), nth).is_some() {
                return Err(FleetError::Same { name: ups.name.clone() });
            }
            listed += &format!("UPS {} {}\n", ups.name, quoted(&ups.description));
        }
        listed += "END LIST UPS\n";
        Ok(Self { upses, by_name, listed: listed.into() })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.upses.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.upses.is_empty()
    }

    /// All of them.
    pub fn upses(&self) -> &[Ups] {
        &self.upses
    }

    /// The one of this name, with its place.
    pub fn find(&self, name: &str) -> Option<(usize, &Ups)> {
        let nth = *self.by_name.get(&name.to_ascii_lowercase())?;
        Some((nth, self.upses.get(nth)?))
    }

    pub(crate) fn listed(&self) -> Arc<str> {
        Arc::clone(&self.listed)
    }
}

fn sayable(name: &str) -> String {
    let kept = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    name.chars().map(|letter| if kept(letter) { letter } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ups(name: &str) -> Ups {
        let text = String::new;
        Ups { name: name.into(), description: text(), location: text(), tier: 1, limit: Watts::new(1) }
    }

    #[test]
    fn names_are_found_whatever_their_case_and_made_sayable() {
        let fleet = Fleet::new(vec![ups("A1-tier1"), ups("hall 1/b-tier2")]).expect("good");
        assert_eq!(fleet.find("a1-TIER1").map(|(nth, _)| nth), Some(0));
        assert_eq!(fleet.find("hall_1_b-tier2").map(|(nth, _)| nth), Some(1));
        assert_eq!(fleet.find("A1").map(|(nth, _)| nth), None);
        assert!(Fleet::new(vec![ups("a1"), ups("A1")]).is_err_and(|error| error.to_string().contains("called `A1`")));
        assert!(Fleet::new(vec![ups(&"x".repeat(101))]).is_err());
    }

    #[test]
    fn what_is_old_or_unheard_is_not_told_but_a_shutdown_is() {
        let now = Instant::now();
        let heard = UpsView { heard: true, ..UpsView::default() };
        let board = Board { at: Some(now), views: vec![heard, UpsView::default()] };
        assert_eq!(board.view(0, now + FRESH_FOR), Some(heard));
        assert_eq!(board.view(0, now + FRESH_FOR + Duration::from_millis(1)), None, "old");
        assert_eq!(board.view(1, now), None, "no meter is heard");
        assert_eq!(board.view(2, now), None, "there is none");
        assert_eq!(Board { at: None, ..board.clone() }.view(0, now), None, "never");
        let last = UpsView { power: Power::Last, ..UpsView::default() };
        assert_eq!(Board { views: vec![last], ..board }.view(0, now), Some(last), "decided, whoever is heard");
    }

    #[test]
    fn status_words_are_those_of_nut() {
        let status = |power, flow| UpsView { power, flow, ..UpsView::default() }.status();
        assert_eq!(status(Power::Line, Flow::Rest), "OL");
        assert_eq!(status(Power::Line, Flow::Charging), "OL CHRG");
        assert_eq!(status(Power::Battery, Flow::Discharging), "OB DISCHRG");
        assert_eq!(status(Power::Last, Flow::Discharging), "FSD OB LB DISCHRG");
    }
}
