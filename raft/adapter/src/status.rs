//! What a replica tells of itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use openraft::{RaftMetrics, ServerState};
use ridethrough_core::device::ReplicaId;
use tokio::time::Instant;

use crate::peer::acks::Acks;
use crate::type_config::{TypeConfig, replica};

/// Part of a replica in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It has no membership yet, or is no voter in it.
    Learner,
    /// It follows a leader, or waits for one.
    Follower,
    /// It stands for election.
    Candidate,
    /// It leads, or believes so: act on what is committed, not on this.
    Leader,
    /// It takes no part any longer.
    Stopped,
}

/// A moment in a replica's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its part.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// Who leads, as far as it knows.
    pub leader: Option<ReplicaId>,
    /// Index of the last entry in its log.
    pub last_index: Option<u64>,
    /// Index of the last entry that it knows to be committed.
    pub committed_index: Option<u64>,
    /// Index of the last entry that it has applied.
    pub applied_index: Option<u64>,
    /// Index of the last entry in its newest snapshot.
    pub snapshot_index: Option<u64>,
    /// When it leads: how many entries each peer is behind, all of the log when nothing is known of the peer.
    pub lag_entries: BTreeMap<ReplicaId, u64>,
    /// When it leads: the time until which no other replica can be elected, told by the monotonic clock. `None` once
    /// it hands leadership over.
    pub leadership_until: Option<std::time::Instant>,
    /// When it leads: how long ago a majority acknowledged it, or rather the sending of what they acknowledged.
    pub since_quorum_ack: Option<Duration>,
    /// Its peers say that it is no member: it does not stand for election.
    pub forgotten: bool,
    /// Why it takes no part any longer.
    pub stopped: Option<String>,
}

/// A member of the cluster, as this replica sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Whether it votes; a learner only receives the log.
    pub votes: bool,
    /// Where it listens for its peers, by the log.
    pub address: SocketAddr,
    /// Where this replica leads: how many entries the member is behind; none where nothing is known of it.
    pub lag_entries: Option<u64>,
    /// Where this replica leads: how long ago the member last acknowledged something; none when it never has.
    pub acked_ago: Option<Duration>,
}

/// What the metrics do not know.
#[derive(Debug)]
pub(crate) struct Beside<'a> {
    /// How long followers refuse other candidates after they have acknowledged this leader.
    pub(crate) lease: Duration,
    /// What they have acknowledged.
    pub(crate) acks: &'a Acks,
    /// The term in which this replica has handed leadership over.
    pub(crate) ceded_term: Option<u64>,
    pub(crate) forgotten: bool,
    pub(crate) stopped: Option<String>,
}

impl Status {
    pub(crate) fn of(metrics: &RaftMetrics<TypeConfig>, beside: Beside<'_>) -> Self {
        let stopped = beside.stopped.or_else(|| metrics.running_state.as_ref().err().map(ToString::to_string));
        let role = if stopped.is_some() { Role::Stopped } else { role(metrics.state) };
        let leads = role == Role::Leader;
        // No later than openraft says, which knows best who follows whom, and than peers have said.
        let by_openraft = metrics.last_quorum_acked.filter(|_| leads).and_then(|at| moment(at.into_inner()));
        let acked = by_openraft.and_then(|at| Some(at.min(acked_by_peers(metrics, beside.acks)?)));
        let ceded = beside.ceded_term == Some(metrics.current_term);
        Self {
            role,
            term: metrics.current_term,
            leader: metrics.current_leader.and_then(replica),
            last_index: metrics.last_log_index,
            committed_index: metrics.local_committed.map(|id| id.index),
            applied_index: metrics.last_applied.map(|id| id.index),
            snapshot_index: metrics.snapshot.map(|id| id.index),
            lag_entries: if leads { lag(metrics) } else { BTreeMap::new() },
            leadership_until: acked.filter(|_| !ceded).and_then(|at| Some(at.checked_add(beside.lease)?.into_std())),
            since_quorum_ack: acked.map(|at| at.elapsed()),
            forgotten: beside.forgotten,
            stopped,
        }
    }
}

fn acked_by_peers(metrics: &RaftMetrics<TypeConfig>, acks: &Acks) -> Option<Instant> {
    let voters = metrics.membership_config.membership().get_joint_config();
    acks.majority(metrics.id, metrics.current_term, voters, Instant::now())
}

/// A moment of openraft's clock, which it does not give away. Reading the clock first can only make it too early.
fn moment(at: openraft::TokioInstant) -> Option<Instant> {
    let now = Instant::now();
    now.checked_sub(openraft::Instant::elapsed(&at))
}

/// How long ago a majority acknowledged this replica as its leader; none where it leads nothing.
pub(crate) fn quorum_acked_ago(metrics: &RaftMetrics<TypeConfig>) -> Option<Duration> {
    let acked = metrics.last_quorum_acked.filter(|_| metrics.state == ServerState::Leader)?;
    Some(openraft::Instant::elapsed(&acked.into_inner()))
}

fn role(state: ServerState) -> Role {
    match state {
        ServerState::Learner => Role::Learner,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Leader => Role::Leader,
        ServerState::Shutdown => Role::Stopped,
    }
}

/// All members, this replica included.
pub(crate) fn peers(metrics: &RaftMetrics<TypeConfig>) -> BTreeMap<ReplicaId, Peer> {
    let membership = metrics.membership_config.membership();
    let voters: Vec<u64> = membership.voter_ids().collect();
    let lags = lag(metrics);
    let acked = |node: u64| metrics.heartbeat.as_ref()?.get(&node).copied().flatten();
    let peers = membership.nodes().filter_map(|(&node, address)| {
        let id = replica(node)?;
        let own = node == metrics.id;
        let lag_entries = if own { Some(0) } else { lags.get(&id).copied() };
        let acked_ago =
            if own { Some(Duration::ZERO) } else { acked(node).map(|at| openraft::Instant::elapsed(&at.into_inner())) };
        Some((id, Peer { votes: voters.contains(&node), address: address.0, lag_entries, acked_ago }))
    });
    peers.collect()
}

fn lag(metrics: &RaftMetrics<TypeConfig>) -> BTreeMap<ReplicaId, u64> {
    let next = metrics.last_log_index.map_or(0, |last| last.saturating_add(1));
    let peers = metrics.replication.iter().flatten().filter(|(node, _)| **node != metrics.id);
    let lags = peers.filter_map(|(&node, matched)| {
        let matched_next = matched.map_or(0, |id| id.index.saturating_add(1));
        replica(node).map(|id| (id, next.saturating_sub(matched_next)))
    });
    lags.collect()
}
