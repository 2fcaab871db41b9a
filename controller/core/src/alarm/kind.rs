//! What alarms there are, and what each is about.

use crate::device::{DeviceId, ReplicaId};
use crate::site::{FeedId, RackId, Site};
use crate::units::Millis;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// A feed has lost its utility and modules bridge.
    UtilityOutage,
    /// What is stored does not last: servers behind a feed shut down in good order.
    OrderlyShutdown,
    /// A rack draws more than its breaker carries for ever.
    RackOverLimit,
    /// A generator carries a feed.
    OnGenerator,
    /// The servers of a rack get less than they would take, by the controller's own decision.
    ServersCapped,
    /// A device is not relied on.
    DeviceQuarantined,
    /// A device has not been heard.
    DeviceSilent,
    /// A module stores no more than what transfers must leave.
    StoreAtReserve,
    /// A replica does not acknowledge what its leader sends.
    ReplicaUnreachable,
    /// No model speaks for any rack.
    ForecastByRule,
}

/// How soon somebody must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Now: load is at stake.
    Urgent,
    /// Within the hour: what protects the load is weakened.
    High,
    /// Today.
    Low,
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The whole site.
    Site,
    /// A feed.
    Feed(FeedId),
    /// A rack.
    Rack(RackId),
    /// A device.
    Device(DeviceId),
    /// A replica.
    Replica(ReplicaId),
}

/// One alarm's name: what is wrong, and with what. The most urgent come first in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlarmKey {
    /// What is wrong.
    pub kind: AlarmKind,
    /// With what.
    pub subject: Subject,
}

impl AlarmKind {
    /// All, the most urgent first.
    pub const ALL: [Self; 10] = [
        Self::UtilityOutage,
        Self::OrderlyShutdown,
        Self::RackOverLimit,
        Self::OnGenerator,
        Self::ServersCapped,
        Self::DeviceQuarantined,
        Self::DeviceSilent,
        Self::StoreAtReserve,
        Self::ReplicaUnreachable,
        Self::ForecastByRule,
    ];

    /// How soon somebody must act.
    pub const fn priority(self) -> Priority {
        match self {
            Self::UtilityOutage | Self::OrderlyShutdown | Self::RackOverLimit => Priority::Urgent,
            Self::OnGenerator
            | Self::ServersCapped
            | Self::DeviceQuarantined
            | Self::DeviceSilent
            | Self::StoreAtReserve
            | Self::ReplicaUnreachable => Priority::High,
            Self::ForecastByRule => Priority::Low,
        }
    }

    /// For how long it must stand before it is raised. Modes and quarantines have waited already when they are decided.
    pub const fn raised_after(self) -> Millis {
        match self {
            Self::UtilityOutage
            | Self::OrderlyShutdown
            | Self::OnGenerator
            | Self::ServersCapped
            | Self::DeviceQuarantined => Millis::ZERO,
            Self::RackOverLimit => Millis::seconds(1),
            Self::DeviceSilent | Self::StoreAtReserve => Millis::seconds(5),
            Self::ReplicaUnreachable => Millis::seconds(2),
            // A replica that has just started knows its racks after half a minute.
            Self::ForecastByRule => Millis::seconds(60),
        }
    }

    /// Its word on the command line and in exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UtilityOutage => "utility-outage",
            Self::OrderlyShutdown => "orderly-shutdown",
            Self::RackOverLimit => "rack-over-limit",
            Self::OnGenerator => "on-generator",
            Self::ServersCapped => "servers-capped",
            Self::DeviceQuarantined => "device-quarantined",
            Self::DeviceSilent => "device-silent",
            Self::StoreAtReserve => "store-at-reserve",
            Self::ReplicaUnreachable => "replica-unreachable",
            Self::ForecastByRule => "forecast-by-rule",
        }
    }

    /// What is wrong, in words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::UtilityOutage => "the utility is lost and flywheels bridge",
            Self::OrderlyShutdown => "what is stored does not last: servers shut down in good order",
            Self::RackOverLimit => "it draws more than its breaker carries for ever",
            Self::OnGenerator => "the generator carries the load",
            Self::ServersCapped => "its servers get less than they would take",
            Self::DeviceQuarantined => "it is not relied on",
            Self::DeviceSilent => "it has not been heard",
            Self::StoreAtReserve => "it stores no more than what transfers must leave",
            Self::ReplicaUnreachable => "it does not acknowledge what the leader sends",
            Self::ForecastByRule => "no model speaks for any rack",
        }
    }

    /// The page for it in `runbooks/`, without its ending.
    pub const fn runbook(self) -> &'static str {
        match self {
            Self::OrderlyShutdown | Self::OnGenerator => "utility-outage",
            other => other.as_str(),
        }
    }
}

impl Priority {
    /// All, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::High, Self::Low];

    /// 1 to 3, as people say it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Urgent => 1,
            Self::High => 2,
            Self::Low => 3,
        }
    }
}

impl Subject {
    /// What people call it.
    pub fn name(self, site: &Site) -> String {
        match self {
            Self::Site => "site".into(),
            Self::Feed(id) => site
                .feeds
                .get(id.index())
                .map_or_else(|| format!("feed #{}", id.0), |feed| format!("feed {}", feed.name)),
            Self::Rack(id) => site
                .racks
                .get(id.index())
                .map_or_else(|| format!("rack #{}", id.0), |rack| format!("rack {}", rack.name)),
            Self::Device(device) => site.device_name(device),
            Self::Replica(replica) => format!("replica {replica}"),
        }
    }

    /// The same without spaces.
    fn word(self, site: &Site) -> String {
        self.name(site).replace(' ', "-")
    }

    /// Whether the site has it. Replicas come and go, so any may be named.
    pub fn is_of(self, site: &Site) -> bool {
        match self {
            Self::Site | Self::Replica(_) => true,
            Self::Feed(id) => id.index() < site.feeds.len(),
            Self::Rack(id) => id.index() < site.racks.len(),
            Self::Device(device) => site.device_slot(device).is_some(),
        }
    }
}

impl AlarmKey {
    /// Its name for people and commands, such as `device-quarantined:kesm-K1`.
    pub fn name(self, site: &Site) -> String {
        format!("{}:{}", self.kind.as_str(), self.subject.word(site))
    }

    /// The one of this name, whether it stands or not; none where there can be no such one.
    pub fn named(name: &str, site: &Site) -> Option<Self> {
        let (kind, subject) = name.split_once(':')?;
        let kind = AlarmKind::ALL.into_iter().find(|one| one.as_str() == kind)?;
        let feeds = site.feed_ids().map(Subject::Feed);
        let racks = site.rack_ids().map(Subject::Rack);
        let devices = site.devices().map(Subject::Device);
        let mut parts = std::iter::once(Subject::Site).chain(feeds).chain(racks).chain(devices);
        let replica = subject.strip_prefix("replica-n").and_then(|number| number.parse().ok());
        let subject = parts.find(|part| part.word(site) == subject);
        Some(Self { kind, subject: subject.or(replica.map(|number| Subject::Replica(ReplicaId(number))))? })
    }
}
