//! Why a plan is refused, in types and in words.

use std::fmt;

use super::HOLD_MAX;
use super::security::Insecurity;
use crate::alarm::AlarmFault;
use crate::device::DeviceId;
use crate::mode::Mode;
use crate::model::ModelRefusal;
use crate::operate::SHED_MAX;
use crate::request::CarriedOut;
use crate::site::{FeedId, KesmId, RackId, Site, TieId};
use crate::trust::Fault;
use crate::units::{Joules, Millis, Watts};

/// Every limit that a plan breaks, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The broken limits.
    pub violations: Vec<Violation>,
}

/// One broken limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The log has not been bound to a cluster and a site.
    NotFounded,
    /// The log is bound already, or to another cluster or site.
    FoundedOtherwise,
    /// A list is longer than what is ever needed.
    TooMany {
        /// Which list.
        what: &'static str,
        /// How long it may be.
        max: usize,
    },
    /// Something is named that the site does not have.
    Unknown {
        /// Which kind of thing.
        what: &'static str,
        /// Its index.
        index: u16,
    },
    /// A rack or module is named twice.
    Twice {
        /// Which kind of thing.
        what: &'static str,
        /// Its index.
        index: u16,
    },
    /// A grant gives nothing.
    NothingGranted(RackId),
    /// The limit that the proposer judged by is not the site's.
    OtherLimit(RackId),
    /// A hold is not within what is allowed.
    HoldOutOfRange(Millis),
    /// The ties of a path do not lead from the source's rack to the receiver.
    PathBroken {
        /// The source.
        kesm: KesmId,
        /// The receiver.
        rack: RackId,
    },
    /// The supply does not cover the delivery and the losses on the way.
    LossesNotCovered {
        /// The source.
        kesm: KesmId,
        /// What it would have to give.
        needed: Watts,
    },
    /// A tie would carry too much.
    TieOverRating {
        /// Which.
        tie: TieId,
        /// What all transfers together would put on it.
        planned: Watts,
        /// What it carries.
        rated: Watts,
    },
    /// A tie would have to carry power both ways.
    TieBothWays(TieId),
    /// The voltage would drop too far on one tie.
    BranchDrop {
        /// Which.
        tie: TieId,
        /// Thousandths of the bus potential.
        permille: u32,
    },
    /// The voltage would drop too far over a path.
    PathDrop {
        /// The source of the path.
        kesm: KesmId,
        /// Thousandths of the bus potential.
        permille: u32,
    },
    /// A module would give too much.
    KesmOverRating {
        /// Which.
        kesm: KesmId,
        /// What all transfers together ask of it.
        planned: Watts,
        /// What it gives.
        rated: Watts,
    },
    /// Holding all its transfers would take a module below its reserve.
    BelowReserve {
        /// Which.
        kesm: KesmId,
        /// What it stores.
        stored: Joules,
        /// What the transfers and the reserve need together.
        needed: Joules,
    },
    /// The plan does not say what a module stores.
    StoredUnknown(KesmId),
    /// A module may not charge so fast.
    ChargeOverRating {
        /// Which.
        kesm: KesmId,
        /// How fast it may.
        rated: Watts,
    },
    /// Help would begin too late to hold the rack, or below nothing.
    HelpTooLate {
        /// Which rack.
        rack: RackId,
        /// The highest draw above which it may begin.
        latest: Watts,
    },
    /// The plan does not say what a rack may come to take.
    LoadUnknown(RackId),
    /// A single failure would leave a rack or a row with more than its breaker bears, or than caps can take back.
    NotSecure(Insecurity),
    /// A cap is below what a rack's servers can be brought to, or above what they can take.
    CapOutOfRange {
        /// Which rack.
        rack: RackId,
        /// The lowest cap that does something.
        least: Watts,
    },
    /// A rack would be capped that also has its caps lifted.
    CapAndLift(RackId),
    /// A feed cannot go from its mode to that one.
    ModeStep {
        /// The feed.
        feed: FeedId,
        /// Its mode.
        from: Mode,
        /// The mode asked for.
        to: Mode,
    },
    /// A feed has no generator to be told anything.
    NoGenerator(FeedId),
    /// An operator has taken over the whole site.
    Manual,
    /// An operator holds this device.
    DeviceHeld(DeviceId),
    /// No operator holds this device.
    DeviceNotHeld(DeviceId),
    /// Somebody has locked this device.
    DeviceLocked {
        /// Which.
        device: DeviceId,
        /// Who.
        by: String,
    },
    /// A lock that is to be taken off is not there.
    NotLocked {
        /// At what.
        device: DeviceId,
        /// Whose it would be.
        by: String,
    },
    /// The request was carried out before.
    CarriedOut(CarriedOut),
    /// A device is not to be relied on now.
    DeviceBarred {
        /// Which.
        device: DeviceId,
        /// Why.
        fault: Fault,
    },
    /// The site has no such device.
    UnknownDevice(DeviceId),
    /// The site has nothing of this name.
    UnknownName {
        /// Which kind of thing.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// No module reaches the rack over ties that may be used.
    NoWay(RackId),
    /// The rack has no transfer.
    NoTransfer(RackId),
    /// No operator asks for less for this rack.
    NotShed(RackId),
    /// An operator may not ask for less for so long.
    ShedOutOfRange(Millis),
    /// The alarms stay as they are.
    Alarm(AlarmFault),
    /// The models stay as they are.
    Model(ModelRefusal),
    /// A text of an operation is empty or too long.
    BadWords {
        /// Which.
        what: &'static str,
        /// How long it may be.
        bytes_max: usize,
    },
}

impl Refusal {
    /// A refusal for one reason.
    pub fn one(violation: Violation) -> Self {
        Self { violations: vec![violation] }
    }

    /// The refusal with the site's names, for people.
    pub fn describe(&self, site: &Site) -> String {
        self.violations.iter().map(|violation| violation.describe(site)).collect::<Vec<_>>().join("; ")
    }
}

impl Violation {
    /// The violation with the site's names, for people.
    pub fn describe(&self, site: &Site) -> String {
        let rack =
            |id: &RackId| site.racks.get(id.index()).map_or_else(|| format!("#{}", id.0), |rack| rack.name.clone());
        let kesm =
            |id: &KesmId| site.kesms.get(id.index()).map_or_else(|| format!("#{}", id.0), |kesm| kesm.name.clone());
        let tie = |id: &TieId| site.ties.get(id.index()).map_or_else(|| format!("#{}", id.0), |tie| tie.name.clone());
        match self {
            Self::NotFounded => "the log is not bound to a cluster and a site yet".into(),
            Self::FoundedOtherwise => "the log is bound to a cluster and a site already".into(),
            Self::TooMany { what, max } => format!("more than {max} {what}"),
            Self::Unknown { what, index } => format!("the site has no {what} #{index}"),
            Self::Twice { what, index } => format!("{what} #{index} is named twice"),
            Self::NothingGranted(id) => format!("rack {} would be granted nothing", rack(id)),
            Self::OtherLimit(id) => format!("rack {} was judged by a limit that is not the site's", rack(id)),
            Self::HoldOutOfRange(hold) => format!("a hold of {hold}, allowed are 1 ms to {HOLD_MAX}"),
            Self::PathBroken { kesm: from, rack: to } => {
                format!("no path as named from {} to {}", kesm(from), rack(to))
            }
            Self::LossesNotCovered { kesm: id, needed } => {
                format!("{} would have to supply {}", kesm(id), needed.kilo())
            }
            Self::TieOverRating { tie: id, planned, rated } => {
                format!("tie {} at {}, rated {}", tie(id), planned.kilo(), rated.kilo())
            }
            Self::TieBothWays(id) => format!("tie {} would carry power both ways", tie(id)),
            Self::BranchDrop { tie: id, permille } => format!("voltage drop of {permille} ‰ on tie {}", tie(id)),
            Self::PathDrop { kesm: id, permille } => {
                format!("voltage drop of {permille} ‰ on the path from {}", kesm(id))
            }
            Self::KesmOverRating { kesm: id, planned, rated } => {
                format!("{} at {}, rated {}", kesm(id), planned.kilo(), rated.kilo())
            }
            Self::BelowReserve { kesm: id, stored, needed } => {
                format!("{} stores {stored}, its transfers and reserve need {needed}", kesm(id))
            }
            Self::StoredUnknown(id) => format!("the stored energy of {} is not known", kesm(id)),
            Self::ChargeOverRating { kesm: id, rated } => format!("{} charges at most at {}", kesm(id), rated.kilo()),
            Self::HelpTooLate { rack: id, latest } => {
                format!("help for rack {} must begin at {} at the latest", rack(id), latest.kilo())
            }
            Self::LoadUnknown(id) => format!("what rack {} may come to take is not known", rack(id)),
            Self::NotSecure(insecurity) => insecurity.describe(site),
            Self::CapOutOfRange { rack: id, least } => {
                format!("rack {} can be capped from {} up to its nameplate", rack(id), least.kilo())
            }
            Self::CapAndLift(id) => format!("rack {} would be capped and freed at once", rack(id)),
            Self::ModeStep { feed: id, from, to } => {
                format!("feed {} cannot go from {from} to {to}", feed_name(site, *id))
            }
            Self::NoGenerator(id) => format!("feed {} has no generator", feed_name(site, *id)),
            Self::Manual => "an operator has taken over the site: nothing but ends is carried out".into(),
            Self::DeviceHeld(id) => format!("{} is held by an operator", site.device_name(*id)),
            Self::DeviceNotHeld(id) => format!("{} is not held by an operator", site.device_name(*id)),
            Self::DeviceLocked { device, by } => {
                format!("{} is locked by {}", site.device_name(*device), by.escape_debug())
            }
            Self::NotLocked { device, by } => {
                format!("{} is not locked by {}", site.device_name(*device), by.escape_debug())
            }
            Self::CarriedOut(CarriedOut { request, index }) => {
                format!("request {request} was carried out before, by entry {index}")
            }
            Self::DeviceBarred { device, fault } => {
                format!("{} is not to be relied on: {fault}", site.device_name(*device))
            }
            Self::UnknownName { what, name } => format!("the site has no {what} `{}`", name.escape_debug()),
            Self::NoWay(id) => format!("no module that may be used reaches rack {}", rack(id)),
            Self::UnknownDevice(id) => format!("the site has no {}", site.device_name(*id)),
            Self::NoTransfer(id) => format!("rack {} has no transfer", rack(id)),
            Self::NotShed(id) => format!("no operator asks for less for rack {}", rack(id)),
            Self::ShedOutOfRange(hold) => format!("less for {hold}, allowed are 1 ms to {SHED_MAX}"),
            Self::Alarm(fault) => fault.describe(site),
            Self::Model(refusal) => refusal.to_string(),
            Self::BadWords { what, bytes_max } => format!("the {what} must have 1 to {bytes_max} bytes"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.violations)
    }
}

impl std::error::Error for Refusal {}

fn feed_name(site: &Site, id: FeedId) -> String {
    site.feeds.get(id.index()).map_or_else(|| format!("#{}", id.0), |feed| feed.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{site, two_rows};

    fn check(violation: &Violation, words: &str) {
        assert_eq!(violation.describe(&site()), words);
    }

    #[test]
    fn what_stands_against_a_plan_is_told_with_names_and_amounts() {
        let (rack, kesm, tie) = (RackId(2), KesmId(1), TieId(3));
        let (much, little) = (Watts::new(51_200), Watts::new(50_000));
        check(&Violation::Twice { what: "rack", index: 2 }, "rack #2 is named twice");
        check(&Violation::OtherLimit(rack), "rack R2 was judged by a limit that is not the site's");
        check(&Violation::HoldOutOfRange(Millis::ZERO), &format!("a hold of 0 ms, allowed are 1 ms to {HOLD_MAX}"));
        check(&Violation::PathBroken { kesm, rack }, "no path as named from K1 to R2");
        check(&Violation::LossesNotCovered { kesm, needed: much }, "K1 would have to supply 51.2 kW");
        check(&Violation::TieBothWays(tie), "tie T3 would carry power both ways");
        check(&Violation::BranchDrop { tie, permille: 31 }, "voltage drop of 31 ‰ on tie T3");
        check(&Violation::PathDrop { kesm, permille: 51 }, "voltage drop of 51 ‰ on the path from K1");
        check(&Violation::KesmOverRating { kesm, planned: much, rated: little }, "K1 at 51.2 kW, rated 50.0 kW");
        check(&Violation::StoredUnknown(kesm), "the stored energy of K1 is not known");
        check(&Violation::ChargeOverRating { kesm, rated: little }, "K1 charges at most at 50.0 kW");
        check(&Violation::HelpTooLate { rack, latest: little }, "help for rack R2 must begin at 50.0 kW at the latest");
        check(&Violation::LoadUnknown(rack), "what rack R2 may come to take is not known");
        let capped = "rack R2 can be capped from 50.0 kW up to its nameplate";
        check(&Violation::CapOutOfRange { rack, least: little }, capped);
        check(&Violation::CapAndLift(rack), "rack R2 would be capped and freed at once");
        check(&Violation::NoWay(rack), "no module that may be used reaches rack R2");
    }

    #[test]
    fn what_stands_against_an_operator_or_a_log_is_told() {
        check(&Violation::NotFounded, "the log is not bound to a cluster and a site yet");
        check(&Violation::FoundedOtherwise, "the log is bound to a cluster and a site already");
        check(&Violation::NotShed(RackId(2)), "no operator asks for less for rack R2");
        check(&Violation::ShedOutOfRange(Millis::ZERO), &format!("less for 0 ms, allowed are 1 ms to {SHED_MAX}"));
        let step = Violation::ModeStep { feed: FeedId(0), from: Mode::Normal, to: Mode::Recovery };
        assert_eq!(step.describe(&two_rows()), format!("feed u cannot go from {} to {}", Mode::Normal, Mode::Recovery));
    }

    #[test]
    fn what_the_site_does_not_have_is_told_by_its_number_and_several_reasons_are_all_told() {
        let refusal = Refusal { violations: vec![Violation::TieBothWays(TieId(9)), Violation::NoWay(RackId(77))] };
        let words = "tie #9 would carry power both ways; no module that may be used reaches rack #77";
        assert_eq!(refusal.describe(&site()), words);
    }
}
