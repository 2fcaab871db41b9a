//! What openraft is told about this cluster: what is proposed, what applying answers, who is who.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use openraft::impls::{BoxedErrorSource, InlineBatch, OneshotResponder};
use openraft::type_config::alias;
use openraft::{OptionalSend, RaftTypeConfig};
use ridethrough_core::command::{Entry as Command, Position, Seen};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::ledger::Effect;

use crate::leader_id::{Elected, LeaderId};

/// The set of types that openraft works with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = Proposal;
    type R = Response;
    type NodeId = u64;
    type Node = PeerAddress;
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = openraft::impls::Vote<LeaderId>;
    type Payload = openraft::EntryPayload<Proposal, u64, PeerAddress>;
    type Entry = openraft::Entry<Elected, Self::Payload>;
    type AsyncRuntime = crate::dice::Runtime;
    type Responder<T>
        = OneshotResponder<Self, T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = BoxedErrorSource;
}

pub(crate) type LogId = alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = alias::VoteOf<TypeConfig>;
pub(crate) type LogEntry = alias::EntryOf<TypeConfig>;
pub(crate) type Payload = alias::PayloadOf<TypeConfig>;
pub(crate) type Membership = openraft::Membership<u64, PeerAddress>;
pub(crate) type StoredMembership = alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<TypeConfig>;

/// A core entry on its way through the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal(pub Command);

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0.command {
            ridethrough_core::command::Command::Found(_) => "found",
            ridethrough_core::command::Command::Plan(_) => "plan",
            ridethrough_core::command::Command::Outcome(_) => "outcome",
            ridethrough_core::command::Command::Operation(_) => "operation",
            ridethrough_core::command::Command::ModelRefused(_) => "word on a model",
            ridethrough_core::command::Command::Forecasts(_) => "word on forecasts",
            ridethrough_core::command::Command::Alarms(_) => "alarms",
        };
        write!(f, "{kind} by {}", self.0.by)
    }
}

/// What became of an entry once it was committed and applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Where the entry stands in the log.
    pub at: Position,
    /// The ledger's name after it.
    pub seen: Seen,
    /// What it did; `None` for an entry of Raft's own. Never [`Effect::Diverged`]: a replica that meets it stops
    /// instead of answering.
    pub effect: Option<Effect>,
}

/// Where a replica listens for its peers. Kept in the membership for people; connections follow the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

impl Default for PeerAddress {
    fn default() -> Self {
        Self(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }
}

/// The position of an entry in core's words, or `None` when its leader's number is not a replica's.
pub(crate) fn position(log_id: &LogId) -> Option<Position> {
    let leader = replica(log_id.leader_id.node)?;
    Some(Position { term: log_id.leader_id.term, leader, index: log_id.index })
}

/// openraft's node number as a replica's.
pub(crate) fn replica(node: u64) -> Option<ReplicaId> {
    u16::try_from(node).ok().map(ReplicaId)
}
