//! What the replicated log carries: the only inputs of the [ledger](crate::ledger).

use std::fmt;

use crate::alarm::{AlarmKey, AlarmNote};
use crate::device::{Ack, DeviceId, Direction, GeneratorDuty, ReplicaId};
use crate::drill::DrillNote;
use crate::fallback::ForecastNote;
use crate::forecast::RackForecast;
use crate::members::MemberChange;
use crate::mode::{Mode, ModeReason};
use crate::model::{ModelAction, ModelFault, ModelId};
use crate::request::RequestId;
use crate::site::{FeedId, KesmId, RackId, TieId};
use crate::units::{Joules, Millis, Watts};

/// At most so many grants, releases, charges or shortfalls in one plan.
pub const PLAN_ITEMS_MAX: usize = 4_096;
/// At most so many measurements are the evidence of one plan.
pub const EVIDENCE_MAX: usize = 16_384;
/// At most so many sources serve one rack.
pub const LEGS_MAX: usize = 8;
/// At most so many ties lie on one path.
pub const HOPS_MAX: usize = 8;
/// At most so many acks in one outcome.
pub const ACKS_MAX: usize = 128;
/// An operator's name or reason has at most so many bytes.
pub const WORDS_BYTES_MAX: usize = 256;

/// One entry of the log, as its proposer made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was proposed. Replicated code takes time from here and from nowhere else.
    pub stamp: Stamp,
    /// The replica that proposed it.
    pub by: ReplicaId,
    /// The ledger that the proposer saw: every replica, and every auditor, compares its own with it.
    pub seen: Seen,
    /// What is to be done.
    pub command: Command,
}

/// A moment, on two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Ledger time: rises from entry to entry, driven by monotonic clocks only. Every expiry is told in it.
    pub at: Millis,
    /// Milliseconds of Unix time on the proposer's wall clock, for people. Nothing is decided by it.
    pub wall_unix_ms: i64,
}

/// A state of the ledger, named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Log index of the last entry applied; 0 before any.
    pub index: u64,
    /// State hash after it.
    pub hash: [u8; 32],
}

/// Where an entry stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Raft term of the entry.
    pub term: u64,
    /// The leader of that term that appended it.
    pub leader: ReplicaId,
    /// Log index.
    pub index: u64,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The first of all: binds the log to a cluster and a site.
    Found(Founding),
    /// What one tick decided.
    Plan(Plan),
    /// What devices made of the orders of a transfer.
    Outcome(Outcome),
    /// What an operator asked for.
    Operation(Operation),
    /// The proposer does not use the model that it should.
    ModelRefused(ModelRefused),
    /// The proposer's forecasts are made by somebody else than before. A record and no more: nothing follows from it.
    Forecasts(ForecastNote),
    /// What the proposer saw come and go that wants somebody.
    Alarms(AlarmNote),
}

/// A replica's word that it forecasts by the rule, because of its model. A record and no more: nothing follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelRefused {
    /// The model that the log says decides; none when it is the one of the replica's configuration.
    pub model: Option<ModelId>,
    /// What is wrong with it there.
    pub fault: ModelFault,
}

/// The identity of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Founding {
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// Hash of the site file that all replicas must have.
    pub site_hash: [u8; 32],
}

/// What one tick decided, for all racks together: admitted whole or refused whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Transfers to make, renew or change; one for a rack replaces the one it has.
    pub grants: Vec<Grant>,
    /// Transfers to end.
    pub releases: Vec<Release>,
    /// Flywheels that may spin up.
    pub charges: Vec<ChargeGrant>,
    /// Racks at risk whose need could not be met.
    pub shortfalls: Vec<Shortfall>,
    /// Racks whose servers are capped or shut down; one for a rack replaces the one it has.
    pub caps: Vec<CapGrant>,
    /// Racks whose servers are free again.
    pub lifts: Vec<RackId>,
    /// What generators are told.
    pub generators: Vec<GeneratorGrant>,
    /// Feeds that go from one mode to another.
    pub modes: Vec<ModeChange>,
    /// Stored energy of the modules named above, as measured when the plan was made.
    pub stored: Vec<StoredEnergy>,
    /// What the racks that the grants touch may come to take: what single failures are judged by.
    pub loads: Vec<RackLoad>,
}

impl Plan {
    /// Whether it changes nothing and says nothing.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
            && self.releases.is_empty()
            && self.charges.is_empty()
            && self.shortfalls.is_empty()
            && self.caps.is_empty()
            && self.lifts.is_empty()
            && self.generators.is_empty()
            && self.modes.is_empty()
    }
}

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

/// The end of a transfer before its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Whose transfer.
    pub rack: RackId,
    /// Why.
    pub reason: ReleaseReason,
}

/// Why a transfer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The forecast has stayed below the limit less two margins.
    ForecastFell,
    /// A source refuses or cannot act, and the rack can do without.
    DeviceFailed,
    /// A device did not answer its order in time.
    AckMissing,
    /// Its way or its source can go on no longer, and nothing else was found.
    NoLongerFeasible,
    /// An operator ended it.
    Operator,
}

impl ReleaseReason {
    /// The reason as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForecastFell => "the forecast fell and stayed low",
            Self::DeviceFailed => "a source failed and the rack could do without",
            Self::AckMissing => "a device did not answer its order in time",
            Self::NoLongerFeasible => "its way or source could not go on, and no other was found",
            Self::Operator => "an operator ended it",
        }
    }
}

/// Leave for a flywheel to spin up from its rack's headroom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargeGrant {
    /// Whose.
    pub kesm: KesmId,
    /// At most so much from the bus.
    pub charge_max: Watts,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// A rack at risk whose need no source could meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Which.
    pub rack: RackId,
    /// Why it is at risk.
    pub risk: Risk,
    /// What is not covered.
    pub uncovered: Watts,
}

/// Less for the servers of a rack. A decrease of risk: it needs no ack of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapGrant {
    /// Which rack.
    pub rack: RackId,
    /// At most so much for its servers together.
    pub cap: Watts,
    /// Servers of a higher tier shut down.
    pub keep_tiers: u8,
    /// Why.
    pub reason: CapReason,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// Why servers get less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CapReason {
    /// Storage does not cover what the rack takes above its limit.
    RackUncovered,
    /// Storage does not cover what the row takes above its limit.
    RowUncovered,
    /// A single failure would leave the rack with more than caps could take back in time.
    Insecure,
    /// The utility is lost, and what is stored does not last until it is replaced or servers have shut down.
    TimeLeft,
    /// The generator does not carry so much.
    GeneratorFull,
    /// An operator asked for it.
    Operator,
}

impl CapReason {
    /// The reason as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RackUncovered => "storage does not cover what the rack takes above its limit",
            Self::RowUncovered => "storage does not cover what the row takes above its limit",
            Self::Insecure => "a single failure would leave the rack with more than caps could take back in time",
            Self::TimeLeft => {
                "the utility is lost, and what is stored does not last until it is replaced or servers have shut down"
            }
            Self::GeneratorFull => "the generator does not carry so much",
            Self::Operator => "an operator asked for it",
        }
    }
}

/// What a generator is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorGrant {
    /// Whose.
    pub feed: FeedId,
    /// What it is to do.
    pub duty: GeneratorDuty,
    /// For how long, from the entry's stamp.
    pub hold: Millis,
}

/// A feed goes from one mode to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeChange {
    /// Which.
    pub feed: FeedId,
    /// Where it goes.
    pub to: Mode,
    /// Why.
    pub reason: ModeReason,
    /// How long what is stored lasts from now, where that was a part of it.
    pub time_left: Option<Millis>,
}

/// What a rack may come to take, as judged when a plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RackLoad {
    /// Which.
    pub rack: RackId,
    /// The most that its servers are expected to take.
    pub peak: Watts,
    /// How hot its breaker is: 0 cold, 1000 trips.
    pub heat_permille: u16,
}

/// What an operator asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What the request is known by, where whoever asks has numbered it: it is carried out once at the most.
    pub request: Option<RequestId>,
    /// Who.
    pub actor: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// What.
    pub action: Action,
}

/// What an operator can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A transfer of the operator's choice. The legs are the planner's.
    Transfer(Grant, Vec<StoredEnergy>, Vec<RackLoad>),
    /// The end of a rack's transfer.
    End(RackId),
    /// A device is left alone from now on: what it was told ends, and nothing is planned with it.
    Hold(DeviceId),
    /// The device may be planned with again.
    Resume(DeviceId),
    /// The device is left alone, and stays so until whoever asks has unlocked it and somebody resumes it.
    Lock(DeviceId),
    /// A lock is taken off. The device stays held.
    Unlock {
        /// At what.
        device: DeviceId,
        /// Whose it is.
        of: String,
    },
    /// The whole site is left alone, but for the end of what is in force.
    ManualOn,
    /// The controller plans again.
    ManualOff,
    /// Which model decides, or is tried beside it.
    Model(ModelAction),
    /// This replica is to lead instead of the one that does. A record: consensus does it, once this is committed.
    HandOver(ReplicaId),
    /// Who belongs to the cluster. A record: consensus does it, once this is committed.
    Members(MemberChange),
    /// Somebody causes faults on purpose, or was refused to. A record.
    Drill(DrillNote),
    /// The servers of a rack get less, until then or until the operator says otherwise.
    Shed(Shed),
    /// The operator asks no longer for less.
    Restore(RackId),
    /// An alarm has been seen by the operator.
    Acknowledge(AlarmKey),
    /// An alarm is put aside for so long.
    Shelve(AlarmKey, Millis),
    /// An alarm is put aside no longer.
    Unshelve(AlarmKey),
    /// Somebody asked for what his role does not allow, and was refused. A record.
    Denied(String),
}

/// Less for the servers of a rack, as an operator asks for it. The controller keeps it by caps of its own, which end when it does; where
/// it must cap further, it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shed {
    /// Which rack.
    pub rack: RackId,
    /// At most so much for its servers together.
    pub cap: Watts,
    /// For how long, from the entry's stamp; at most [`crate::operate::SHED_MAX`].
    pub hold: Millis,
}

/// Usable energy of a module, as measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredEnergy {
    /// Whose.
    pub kesm: KesmId,
    /// How much.
    pub stored: Joules,
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

impl std::str::FromStr for TransferId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}`: expected an entry and a place, such as `184.0`");
        let (index, nth) = text.split_once('.').ok_or_else(expected)?;
        Ok(Self { index: index.parse().map_err(|_| expected())?, nth: nth.parse().map_err(|_| expected())? })
    }
}

/// What devices made of the orders of one transfer, so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which transfer.
    pub transfer: TransferId,
    /// What each device said.
    pub acks: Vec<TimedAck>,
}

/// A device's word and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedAck {
    /// What it said.
    pub ack: Ack,
    /// Microseconds from the first sending of the order to its ack.
    pub after_us: u32,
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

impl Grant {
    /// Its modules and ties; one that two legs use comes twice.
    pub fn devices(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.legs.iter().flat_map(Leg::devices)
    }

    /// Every rack that it touches: the receiver, those of the sources, those on the way; some more than once. The
    /// grant must be of this site.
    pub fn racks<'a>(&'a self, site: &'a crate::site::Site) -> impl Iterator<Item = RackId> + 'a {
        let sources = self.legs.iter().map(|leg| site.kesm(leg.kesm).rack);
        let ways = self.legs.iter().flat_map(|leg| &leg.path).map(|hop| site.tie(hop.tie).sink(hop.direction));
        std::iter::once(self.rack).chain(sources).chain(ways)
    }
}

impl crate::site::Site {
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
