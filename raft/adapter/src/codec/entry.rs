//! An entry of the log, as it is stored and as it is sent.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use bincode::{Decode, Encode};
use openraft::EntryPayload;
use ridethrough_core::command::{
    ChargeGrant, Command, Entry, Founding, Grant, Hop, Leg, Outcome, Plan, Release, ReleaseReason, Risk, Seen,
    Shortfall, Stamp, StoredEnergy, TimedAck, TransferId,
};
use ridethrough_core::device::{Ack, DeviceId, Direction, Fence, ReplicaId, Verdict};
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::site::{KesmId, RackId, TieId};
use ridethrough_core::units::{Joules, Millis, Watts};

use super::{CodecError, decode_stored, each, encode_stored};
use crate::leader_id::Elected;
use crate::type_config::{LogEntry, LogId, Membership, Payload, PeerAddress, Proposal};

/// Most bytes of memory that a decoded entry may claim.
const ENTRY_BYTES_LIMIT: usize = 8 << 20;

/// The bytes of an entry's payload in the log.
pub(crate) fn encode_entry(entry: &LogEntry) -> Result<Vec<u8>, CodecError> {
    encode_stored(&EntryV1::from(entry))
}

/// The entry that [`encode_entry`] gave these bytes.
pub(crate) fn decode_entry(bytes: &[u8]) -> Result<LogEntry, CodecError> {
    decode_stored::<EntryV1, ENTRY_BYTES_LIMIT>(bytes)?.try_into()
}

/// The bytes that a proposal takes in an entry.
pub(crate) fn encode_proposal(entry: &Entry) -> Result<Vec<u8>, CodecError> {
    encode_stored(&ProposalV1::from(entry))
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct LogIdV1 {
    term: u64,
    node: u64,
    index: u64,
}

#[derive(Encode, Decode)]
pub(crate) struct EntryV1 {
    log_id: LogIdV1,
    payload: PayloadV1,
}

#[derive(Encode, Decode)]
enum PayloadV1 {
    Blank,
    Normal(ProposalV1),
    Membership(MembershipV1),
}

#[derive(Encode, Decode)]
pub(crate) struct MembershipV1 {
    configs: Vec<Vec<u64>>,
    nodes: Vec<(u64, AddressV1)>,
}

#[derive(Encode, Decode)]
enum AddressV1 {
    V4([u8; 4], u16),
    V6([u8; 16], u16),
}

#[derive(Encode, Decode)]
struct ProposalV1 {
    at_ms: i64,
    wall_unix_ms: i64,
    by: u16,
    seen: SeenV1,
    command: CommandV1,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct SeenV1 {
    index: u64,
    hash: [u8; 32],
}

#[derive(Encode, Decode)]
enum CommandV1 {
    Found(FoundingV1),
    Plan(PlanV1),
    Outcome(OutcomeV1),
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct FoundingV1 {
    cluster: [u8; 16],
    site_hash: [u8; 32],
}

#[derive(Encode, Decode)]
struct PlanV1 {
    grants: Vec<GrantV1>,
    releases: Vec<ReleaseV1>,
    charges: Vec<ChargeGrantV1>,
    shortfalls: Vec<ShortfallV1>,
    stored: Vec<StoredEnergyV1>,
}

#[derive(Encode, Decode)]
pub(crate) struct GrantV1 {
    rack: u16,
    legs: Vec<LegV1>,
    risk: RiskV1,
    hold_ms: i64,
}

#[derive(Encode, Decode)]
struct LegV1 {
    kesm: u16,
    path: Vec<HopV1>,
    supplied_w: i64,
    delivered_w: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct HopV1 {
    tie: u16,
    direction: u8,
}

#[derive(Clone, Copy, Encode, Decode)]
struct RiskV1 {
    present_w: i64,
    forecast: ForecastV1,
    limit_w: i64,
    margin_w: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ForecastV1 {
    p50_w: i64,
    p90_w: i64,
    p99_w: i64,
    peak_p99_w: i64,
    horizon_ms: i64,
    source: SourceV1,
}

#[derive(Clone, Copy, Encode, Decode)]
enum SourceV1 {
    Model([u8; 8]),
    Rule(u8),
}

#[derive(Clone, Copy, Encode, Decode)]
struct ReleaseV1 {
    rack: u16,
    reason: u8,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ChargeGrantV1 {
    kesm: u16,
    charge_max_w: i64,
    hold_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ShortfallV1 {
    rack: u16,
    risk: RiskV1,
    uncovered_w: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct StoredEnergyV1 {
    kesm: u16,
    stored_j: i64,
}

#[derive(Encode, Decode)]
struct OutcomeV1 {
    transfer: TransferIdV1,
    acks: Vec<TimedAckV1>,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct TransferIdV1 {
    index: u64,
    nth: u16,
}

#[derive(Clone, Copy, Encode, Decode)]
struct TimedAckV1 {
    device: u32,
    fence_term: u64,
    fence_index: u64,
    verdict: u8,
    device_at_ms: i64,
    after_us: u32,
}

/// A number that is stored for a variant, both ways.
macro_rules! numbered {
    ($to:ident, $from:ident, $type:ident, $what:literal, { $($variant:ident = $number:literal),* $(,)? }) => {
        pub(crate) const fn $to(value: $type) -> u8 {
            match value { $($type::$variant => $number,)* }
        }

        pub(crate) fn $from(number: u8) -> Result<$type, CodecError> {
            match number {
                $($number => Ok($type::$variant),)*
                found => Err(CodecError::OutOfRange { what: $what, found: found.into() }),
            }
        }
    };
}

numbered!(direction_number, direction, Direction, "direction", { Forward = 1, Backward = 2 });
numbered!(reason_number, reason, ReleaseReason, "release reason", {
    ForecastFell = 1, DeviceFailed = 2,
});
numbered!(rule_number, rule, RuleReason, "rule reason", {
    NoModel = 1, NotFinite = 2, OutOfRange = 3, Late = 4, RuntimeFailed = 5, ColdStart = 6,
});
numbered!(verdict_number, verdict, Verdict, "verdict", {
    Executed = 1, Duplicate = 2, StaleFence = 3, Expired = 4, BeyondLimits = 5, Unavailable = 6,
});

/// The device that a stored number names.
pub(crate) fn device(wire: u32) -> Result<DeviceId, CodecError> {
    DeviceId::from_wire(wire).ok_or(CodecError::OutOfRange { what: "device", found: wire.into() })
}

impl From<&LogId> for LogIdV1 {
    fn from(id: &LogId) -> Self {
        Self { term: id.leader_id.term, node: id.leader_id.node, index: id.index }
    }
}

impl TryFrom<LogIdV1> for LogId {
    type Error = CodecError;

    fn try_from(v1: LogIdV1) -> Result<Self, CodecError> {
        if v1.node > u64::from(u16::MAX) {
            return Err(CodecError::OutOfRange { what: "leader", found: v1.node });
        }
        Ok(Self::new(Elected { term: v1.term, node: v1.node }, v1.index))
    }
}

impl From<&LogEntry> for EntryV1 {
    fn from(entry: &LogEntry) -> Self {
        let payload = match &entry.payload {
            EntryPayload::Blank => PayloadV1::Blank,
            EntryPayload::Normal(proposal) => PayloadV1::Normal((&proposal.0).into()),
            EntryPayload::Membership(membership) => PayloadV1::Membership(membership.into()),
        };
        Self { log_id: (&entry.log_id).into(), payload }
    }
}

impl TryFrom<EntryV1> for LogEntry {
    type Error = CodecError;

    fn try_from(v1: EntryV1) -> Result<Self, CodecError> {
        let payload: Payload = match v1.payload {
            PayloadV1::Blank => EntryPayload::Blank,
            PayloadV1::Normal(proposal) => EntryPayload::Normal(Proposal(proposal.try_into()?)),
            PayloadV1::Membership(membership) => EntryPayload::Membership(membership.try_into()?),
        };
        Ok(Self { log_id: v1.log_id.try_into()?, payload })
    }
}

impl From<&Membership> for MembershipV1 {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: membership.get_joint_config().iter().map(|config| config.iter().copied().collect()).collect(),
            nodes: membership.nodes().map(|(&node, address)| (node, address.into())).collect(),
        }
    }
}

impl TryFrom<MembershipV1> for Membership {
    type Error = CodecError;

    fn try_from(v1: MembershipV1) -> Result<Self, CodecError> {
        let configs: Vec<BTreeSet<u64>> = v1.configs.into_iter().map(|config| config.into_iter().collect()).collect();
        let nodes: std::collections::BTreeMap<u64, PeerAddress> =
            v1.nodes.into_iter().map(|(node, address)| (node, address.into())).collect();
        Self::new(configs, nodes).map_err(|error| CodecError::Malformed { reason: format!("membership: {error}") })
    }
}

impl From<&PeerAddress> for AddressV1 {
    fn from(address: &PeerAddress) -> Self {
        match address.0.ip() {
            IpAddr::V4(ip) => Self::V4(ip.octets(), address.0.port()),
            IpAddr::V6(ip) => Self::V6(ip.octets(), address.0.port()),
        }
    }
}

impl From<AddressV1> for PeerAddress {
    fn from(v1: AddressV1) -> Self {
        Self(match v1 {
            AddressV1::V4(ip, port) => SocketAddr::from((ip, port)),
            AddressV1::V6(ip, port) => SocketAddr::from((ip, port)),
        })
    }
}

impl From<&Entry> for ProposalV1 {
    fn from(entry: &Entry) -> Self {
        let command = match &entry.command {
            Command::Found(founding) => CommandV1::Found(founding.into()),
            Command::Plan(plan) => CommandV1::Plan(plan.into()),
            Command::Outcome(outcome) => CommandV1::Outcome(outcome.into()),
        };
        Self {
            at_ms: entry.stamp.at.get(),
            wall_unix_ms: entry.stamp.wall_unix_ms,
            by: entry.by.0,
            seen: (&entry.seen).into(),
            command,
        }
    }
}

impl TryFrom<ProposalV1> for Entry {
    type Error = CodecError;

    fn try_from(v1: ProposalV1) -> Result<Self, CodecError> {
        let command = match v1.command {
            CommandV1::Found(founding) => Command::Found(founding.into()),
            CommandV1::Plan(plan) => Command::Plan(plan.try_into()?),
            CommandV1::Outcome(outcome) => Command::Outcome(outcome.try_into()?),
        };
        let stamp = Stamp { at: Millis::new(v1.at_ms), wall_unix_ms: v1.wall_unix_ms };
        Ok(Self { stamp, by: ReplicaId(v1.by), seen: v1.seen.into(), command })
    }
}

impl From<&Seen> for SeenV1 {
    fn from(seen: &Seen) -> Self {
        Self { index: seen.index, hash: seen.hash }
    }
}

impl From<SeenV1> for Seen {
    fn from(v1: SeenV1) -> Self {
        Self { index: v1.index, hash: v1.hash }
    }
}

impl From<&Founding> for FoundingV1 {
    fn from(founding: &Founding) -> Self {
        Self { cluster: founding.cluster, site_hash: founding.site_hash }
    }
}

impl From<FoundingV1> for Founding {
    fn from(v1: FoundingV1) -> Self {
        Self { cluster: v1.cluster, site_hash: v1.site_hash }
    }
}

impl From<&Plan> for PlanV1 {
    fn from(plan: &Plan) -> Self {
        Self {
            grants: plan.grants.iter().map(Into::into).collect(),
            releases: plan.releases.iter().map(Into::into).collect(),
            charges: plan.charges.iter().map(Into::into).collect(),
            shortfalls: plan.shortfalls.iter().map(Into::into).collect(),
            stored: plan.stored.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<PlanV1> for Plan {
    type Error = CodecError;

    fn try_from(v1: PlanV1) -> Result<Self, CodecError> {
        Ok(Self {
            grants: each(v1.grants)?,
            releases: each(v1.releases)?,
            charges: v1.charges.into_iter().map(Into::into).collect(),
            shortfalls: each(v1.shortfalls)?,
            stored: v1.stored.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<&Grant> for GrantV1 {
    fn from(grant: &Grant) -> Self {
        Self {
            rack: grant.rack.0,
            legs: grant.legs.iter().map(Into::into).collect(),
            risk: (&grant.risk).into(),
            hold_ms: grant.hold.get(),
        }
    }
}

impl TryFrom<GrantV1> for Grant {
    type Error = CodecError;

    fn try_from(v1: GrantV1) -> Result<Self, CodecError> {
        let (legs, risk) = (each(v1.legs)?, v1.risk.try_into()?);
        Ok(Self { rack: RackId(v1.rack), legs, risk, hold: Millis::new(v1.hold_ms) })
    }
}

impl From<&Leg> for LegV1 {
    fn from(leg: &Leg) -> Self {
        Self {
            kesm: leg.kesm.0,
            path: leg.path.iter().map(Into::into).collect(),
            supplied_w: leg.supplied.get(),
            delivered_w: leg.delivered.get(),
        }
    }
}

impl TryFrom<LegV1> for Leg {
    type Error = CodecError;

    fn try_from(v1: LegV1) -> Result<Self, CodecError> {
        let (supplied, delivered) = (Watts::new(v1.supplied_w), Watts::new(v1.delivered_w));
        Ok(Self { kesm: KesmId(v1.kesm), path: each(v1.path)?, supplied, delivered })
    }
}

impl From<&Hop> for HopV1 {
    fn from(hop: &Hop) -> Self {
        Self { tie: hop.tie.0, direction: direction_number(hop.direction) }
    }
}

impl TryFrom<HopV1> for Hop {
    type Error = CodecError;

    fn try_from(v1: HopV1) -> Result<Self, CodecError> {
        Ok(Self { tie: TieId(v1.tie), direction: direction(v1.direction)? })
    }
}

impl From<&Risk> for RiskV1 {
    fn from(risk: &Risk) -> Self {
        Self {
            present_w: risk.present.get(),
            forecast: (&risk.forecast).into(),
            limit_w: risk.limit.get(),
            margin_w: risk.margin.get(),
        }
    }
}

impl TryFrom<RiskV1> for Risk {
    type Error = CodecError;

    fn try_from(v1: RiskV1) -> Result<Self, CodecError> {
        Ok(Self {
            present: Watts::new(v1.present_w),
            forecast: v1.forecast.try_into()?,
            limit: Watts::new(v1.limit_w),
            margin: Watts::new(v1.margin_w),
        })
    }
}

impl From<&RackForecast> for ForecastV1 {
    fn from(forecast: &RackForecast) -> Self {
        Self {
            p50_w: forecast.p50.get(),
            p90_w: forecast.p90.get(),
            p99_w: forecast.p99.get(),
            peak_p99_w: forecast.peak_p99.get(),
            horizon_ms: forecast.horizon.get(),
            source: match forecast.source {
                ForecastSource::Model { hash8 } => SourceV1::Model(hash8),
                ForecastSource::Rule(reason) => SourceV1::Rule(rule_number(reason)),
            },
        }
    }
}

impl TryFrom<ForecastV1> for RackForecast {
    type Error = CodecError;

    fn try_from(v1: ForecastV1) -> Result<Self, CodecError> {
        Ok(Self {
            p50: Watts::new(v1.p50_w),
            p90: Watts::new(v1.p90_w),
            p99: Watts::new(v1.p99_w),
            peak_p99: Watts::new(v1.peak_p99_w),
            horizon: Millis::new(v1.horizon_ms),
            source: match v1.source {
                SourceV1::Model(hash8) => ForecastSource::Model { hash8 },
                SourceV1::Rule(number) => ForecastSource::Rule(rule(number)?),
            },
        })
    }
}

impl From<&Release> for ReleaseV1 {
    fn from(release: &Release) -> Self {
        Self { rack: release.rack.0, reason: reason_number(release.reason) }
    }
}

impl TryFrom<ReleaseV1> for Release {
    type Error = CodecError;

    fn try_from(v1: ReleaseV1) -> Result<Self, CodecError> {
        Ok(Self { rack: RackId(v1.rack), reason: reason(v1.reason)? })
    }
}

impl From<&ChargeGrant> for ChargeGrantV1 {
    fn from(charge: &ChargeGrant) -> Self {
        Self { kesm: charge.kesm.0, charge_max_w: charge.charge_max.get(), hold_ms: charge.hold.get() }
    }
}

impl From<ChargeGrantV1> for ChargeGrant {
    fn from(v1: ChargeGrantV1) -> Self {
        Self { kesm: KesmId(v1.kesm), charge_max: Watts::new(v1.charge_max_w), hold: Millis::new(v1.hold_ms) }
    }
}

impl From<&Shortfall> for ShortfallV1 {
    fn from(shortfall: &Shortfall) -> Self {
        let (risk, uncovered_w) = ((&shortfall.risk).into(), shortfall.uncovered.get());
        Self { rack: shortfall.rack.0, risk, uncovered_w }
    }
}

impl TryFrom<ShortfallV1> for Shortfall {
    type Error = CodecError;

    fn try_from(v1: ShortfallV1) -> Result<Self, CodecError> {
        Ok(Self { rack: RackId(v1.rack), risk: v1.risk.try_into()?, uncovered: Watts::new(v1.uncovered_w) })
    }
}

impl From<&StoredEnergy> for StoredEnergyV1 {
    fn from(stored: &StoredEnergy) -> Self {
        Self { kesm: stored.kesm.0, stored_j: stored.stored.get() }
    }
}

impl From<StoredEnergyV1> for StoredEnergy {
    fn from(v1: StoredEnergyV1) -> Self {
        Self { kesm: KesmId(v1.kesm), stored: Joules::new(v1.stored_j) }
    }
}

impl From<&Outcome> for OutcomeV1 {
    fn from(outcome: &Outcome) -> Self {
        Self { transfer: (&outcome.transfer).into(), acks: outcome.acks.iter().map(Into::into).collect() }
    }
}

impl TryFrom<OutcomeV1> for Outcome {
    type Error = CodecError;

    fn try_from(v1: OutcomeV1) -> Result<Self, CodecError> {
        Ok(Self { transfer: v1.transfer.into(), acks: each(v1.acks)? })
    }
}

impl From<&TransferId> for TransferIdV1 {
    fn from(id: &TransferId) -> Self {
        Self { index: id.index, nth: id.nth }
    }
}

impl From<TransferIdV1> for TransferId {
    fn from(v1: TransferIdV1) -> Self {
        Self { index: v1.index, nth: v1.nth }
    }
}

impl From<&TimedAck> for TimedAckV1 {
    fn from(timed: &TimedAck) -> Self {
        Self {
            device: timed.ack.device.to_wire(),
            fence_term: timed.ack.fence.term,
            fence_index: timed.ack.fence.index,
            verdict: verdict_number(timed.ack.verdict),
            device_at_ms: timed.ack.device_at.get(),
            after_us: timed.after_us,
        }
    }
}

impl TryFrom<TimedAckV1> for TimedAck {
    type Error = CodecError;

    fn try_from(v1: TimedAckV1) -> Result<Self, CodecError> {
        let fence = Fence { term: v1.fence_term, index: v1.fence_index };
        let (device, verdict) = (device(v1.device)?, verdict(v1.verdict)?);
        let ack = Ack { device, fence, verdict, device_at: Millis::new(v1.device_at_ms) };
        Ok(Self { ack, after_us: v1.after_us })
    }
}
