//! An entry of the log, as it is stored and as it is sent.
//!
//! | module | shapes of |
//! |---|---|
//! | this one | the entry around a command: log ids, memberships, proposals |
//! | `plan` | what a tick decided |
//! | `grant` | a transfer and the numbers behind it |
//! | `operation` | what an operator asked for |
//! | `outcome` | what devices answered |
//! | `model` | models by name |
//! | `alarm` | what wants somebody |
//! | `numbers` | what numbers stand for |
//! | `limits` | how long lists and words may be |

mod alarm;
mod fallback;
mod grant;
mod limits;
mod model;
pub(crate) mod numbers;
mod operation;
mod outcome;
mod plan;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use bincode::{Decode, Encode};
use openraft::EntryPayload;
use ridethrough_core::command::{Command, Entry, Founding, Seen, Stamp};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

pub(crate) use self::alarm::AlarmKeyV2;
use self::alarm::AlarmNoteV2;
use self::fallback::ForecastNoteV2;
pub(crate) use self::grant::GrantV2;
pub(crate) use self::limits::check_grant;
pub(crate) use self::model::ModelIdV2;
use self::model::ModelRefusedV2;
pub(crate) use self::operation::DrillStageV2;
use self::operation::{OperationV2, RequestV2};
use self::outcome::OutcomeV2;
pub(crate) use self::outcome::TransferIdV2;
use self::plan::PlanV2;
pub(crate) use self::plan::{ModeReasonV2, RackLoadV2};
use super::{CodecError, decode_stored, encode_stored};
use crate::leader_id::Elected;
use crate::type_config::{LogEntry, LogId, Membership, Payload, PeerAddress, Proposal};

/// Most bytes of memory that a decoded entry may claim.
const ENTRY_BYTES_LIMIT: usize = 8 << 20;

/// The bytes of an entry's payload in the log.
pub(crate) fn encode_entry(entry: &LogEntry) -> Result<Vec<u8>, CodecError> {
    if let EntryPayload::Normal(proposal) = &entry.payload {
        limits::check(&proposal.0.command)?;
    }
    encode_stored(&EntryV2::from(entry))
}

/// The entry that [`encode_entry`] gave these bytes.
pub(crate) fn decode_entry(bytes: &[u8]) -> Result<LogEntry, CodecError> {
    decode_stored::<EntryV2, ENTRY_BYTES_LIMIT>(bytes)?.try_into()
}

/// The bytes that a proposal takes in an entry.
pub(crate) fn encode_proposal(entry: &Entry) -> Result<Vec<u8>, CodecError> {
    limits::check(&entry.command)?;
    encode_stored(&ProposalV2::from(entry))
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct LogIdV2 {
    term: u64,
    node: u64,
    index: u64,
}

#[derive(Encode, Decode)]
pub(crate) struct EntryV2 {
    log_id: LogIdV2,
    payload: PayloadV2,
}

#[derive(Encode, Decode)]
enum PayloadV2 {
    Blank,
    Normal(Box<ProposalV2>),
    Membership(MembershipV2),
}

#[derive(Encode, Decode)]
pub(crate) struct MembershipV2 {
    configs: Vec<Vec<u64>>,
    nodes: Vec<(u64, AddressV2)>,
}

#[derive(Encode, Decode)]
enum AddressV2 {
    V4([u8; 4], u16),
    V6([u8; 16], u16),
}

#[derive(Encode, Decode)]
struct ProposalV2 {
    at_ms: i64,
    wall_unix_ms: i64,
    by: u16,
    seen: SeenV2,
    command: CommandV2,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct SeenV2 {
    index: u64,
    hash: [u8; 32],
}

#[derive(Encode, Decode)]
enum CommandV2 {
    Found(FoundingV2),
    Plan(PlanV2),
    Outcome(OutcomeV2),
    Operation(OperationV2),
    ModelRefused(ModelRefusedV2),
    Forecasts(ForecastNoteV2),
    Alarms(AlarmNoteV2),
    Request(RequestV2),
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct FoundingV2 {
    cluster: [u8; 16],
    site_hash: [u8; 32],
}

impl From<&LogId> for LogIdV2 {
    fn from(id: &LogId) -> Self {
        Self { term: id.leader_id.term, node: id.leader_id.node, index: id.index }
    }
}

impl TryFrom<LogIdV2> for LogId {
    type Error = CodecError;

    fn try_from(v2: LogIdV2) -> Result<Self, CodecError> {
        if v2.node > u64::from(u16::MAX) {
            return Err(CodecError::OutOfRange { what: "leader", found: v2.node });
        }
        Ok(Self::new(Elected { term: v2.term, node: v2.node }, v2.index))
    }
}

impl From<&LogEntry> for EntryV2 {
    fn from(entry: &LogEntry) -> Self {
        let payload = match &entry.payload {
            EntryPayload::Blank => PayloadV2::Blank,
            EntryPayload::Normal(proposal) => PayloadV2::Normal(Box::new((&proposal.0).into())),
            EntryPayload::Membership(membership) => PayloadV2::Membership(membership.into()),
        };
        Self { log_id: (&entry.log_id).into(), payload }
    }
}

impl TryFrom<EntryV2> for LogEntry {
    type Error = CodecError;

    fn try_from(v2: EntryV2) -> Result<Self, CodecError> {
        let payload: Payload = match v2.payload {
            PayloadV2::Blank => EntryPayload::Blank,
            PayloadV2::Normal(proposal) => EntryPayload::Normal(Proposal((*proposal).try_into()?)),
            PayloadV2::Membership(membership) => EntryPayload::Membership(membership.try_into()?),
        };
        Ok(Self { log_id: v2.log_id.try_into()?, payload })
    }
}

impl From<&Membership> for MembershipV2 {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: membership.get_joint_config().iter().map(|config| config.iter().copied().collect()).collect(),
            nodes: membership.nodes().map(|(&node, address)| (node, address.into())).collect(),
        }
    }
}

impl TryFrom<MembershipV2> for Membership {
    type Error = CodecError;

    fn try_from(v2: MembershipV2) -> Result<Self, CodecError> {
        let configs: Vec<BTreeSet<u64>> = v2.configs.into_iter().map(|config| config.into_iter().collect()).collect();
        let nodes: std::collections::BTreeMap<u64, PeerAddress> =
            v2.nodes.into_iter().map(|(node, address)| (node, address.into())).collect();
        Self::new(configs, nodes).map_err(|error| CodecError::Malformed { reason: format!("membership: {error}") })
    }
}

impl From<&PeerAddress> for AddressV2 {
    fn from(address: &PeerAddress) -> Self {
        match address.0.ip() {
            IpAddr::V4(ip) => Self::V4(ip.octets(), address.0.port()),
            IpAddr::V6(ip) => Self::V6(ip.octets(), address.0.port()),
        }
    }
}

impl From<AddressV2> for PeerAddress {
    fn from(v2: AddressV2) -> Self {
        Self(match v2 {
            AddressV2::V4(ip, port) => SocketAddr::from((ip, port)),
            AddressV2::V6(ip, port) => SocketAddr::from((ip, port)),
        })
    }
}

impl From<&Entry> for ProposalV2 {
    fn from(entry: &Entry) -> Self {
        let command = match &entry.command {
            Command::Found(founding) => CommandV2::Found(founding.into()),
            Command::Plan(plan) => CommandV2::Plan(plan.into()),
            Command::Outcome(outcome) => CommandV2::Outcome(outcome.into()),
            Command::Operation(operation) => match operation.request {
                Some(request) => CommandV2::Request(RequestV2::of(request, operation)),
                None => CommandV2::Operation(operation.into()),
            },
            Command::ModelRefused(refused) => CommandV2::ModelRefused(refused.into()),
            Command::Forecasts(note) => CommandV2::Forecasts(note.into()),
            Command::Alarms(note) => CommandV2::Alarms(note.into()),
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

impl TryFrom<ProposalV2> for Entry {
    type Error = CodecError;

    fn try_from(v2: ProposalV2) -> Result<Self, CodecError> {
        let command = match v2.command {
            CommandV2::Found(founding) => Command::Found(founding.into()),
            CommandV2::Plan(plan) => Command::Plan(plan.try_into()?),
            CommandV2::Outcome(outcome) => Command::Outcome(outcome.try_into()?),
            CommandV2::Operation(operation) => Command::Operation(operation.try_into()?),
            CommandV2::ModelRefused(refused) => Command::ModelRefused(refused.try_into()?),
            CommandV2::Forecasts(note) => Command::Forecasts(note.try_into()?),
            CommandV2::Alarms(note) => Command::Alarms(note.try_into()?),
            CommandV2::Request(operation) => Command::Operation(operation.try_into()?),
        };
        limits::check(&command)?;
        let stamp = Stamp { at: Millis::new(v2.at_ms), wall_unix_ms: v2.wall_unix_ms };
        Ok(Self { stamp, by: ReplicaId(v2.by), seen: v2.seen.into(), command })
    }
}

impl From<&Seen> for SeenV2 {
    fn from(seen: &Seen) -> Self {
        Self { index: seen.index, hash: seen.hash }
    }
}

impl From<SeenV2> for Seen {
    fn from(v2: SeenV2) -> Self {
        Self { index: v2.index, hash: v2.hash }
    }
}

impl From<&Founding> for FoundingV2 {
    fn from(founding: &Founding) -> Self {
        Self { cluster: founding.cluster, site_hash: founding.site_hash }
    }
}

impl From<FoundingV2> for Founding {
    fn from(v2: FoundingV2) -> Self {
        Self { cluster: v2.cluster, site_hash: v2.site_hash }
    }
}
