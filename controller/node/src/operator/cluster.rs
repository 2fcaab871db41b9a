//! Who is in the cluster, who leads, and who is to lead instead.

use std::time::Duration;

use ridethrough_dashboard::DisputeView;
use ridethrough_raft::{Peer, Replica, Role, Status};
use serde_json::{Value, json};

/// What devices have obeyed that the log does not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// The highest term.
    pub term: u64,
    /// The highest index.
    pub index: u64,
}

/// How a cluster is, as one replica sees it; `acting` says whether a majority confirms it as leader, `ahead` what devices have obeyed that its log does not reach, `disputed`
/// which transfers this replica disputes.
pub fn status(
    replica: &Replica,
    own: u16,
    acting: bool,
    ahead: impl Fn(&Status) -> Option<Ahead>,
    disputed: &[DisputeView],
) -> Value {
    let status = replica.status();
    let leads = status.role == Role::Leader;
    let members = replica.peers();
    let member = |(id, peer): (&ridethrough_core::device::ReplicaId, &Peer)| {
        json!({
            "replica": id.0,
            "votes": peer.votes,
            "address": peer.address.to_string(),
            "leads": status.leader == Some(*id),
            "lag_entries": peer.lag_entries.filter(|_| leads),
            "acked_ms_ago": peer.acked_ago.filter(|_| leads).map(millis),
        })
    };
    json!({
        "replica": own,
        "role": role_name(status.role),
        "acting": acting,
        "term": status.term,
        "forgotten": status.forgotten,
        "leader": status.leader.map(|leader| leader.0),
        "last_index": status.last_index,
        "committed_index": status.committed_index,
        "applied_index": status.applied_index,
        "snapshot_index": status.snapshot_index,
        "devices_ahead": ahead(&status).filter(|_| leads).map(|ahead| json!({ "term": ahead.term, "index": ahead.index })),
        "members": members.iter().map(member).collect::<Vec<_>>(),
        "disputed": disputed,
    })
}

/// A part in the cluster, in a word.
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Learner => "learner",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
        Role::Stopped => "stopped",
    }
}

/// A span in milliseconds, with two decimals.
pub fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e5).round() / 1e2
}
