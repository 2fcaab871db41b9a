//! A leader that hands over on purpose, as before maintenance.
//!
//! ```text
//!  cede ──► status: not confirmed any longer ──► the caller silences what it commands ──► hand_over ──► another leads
//!    ▲                                                                                      │
//!    └──────────── this replica is confirmed again ◄── the peer did not catch up ◄──────────┘
//! ```
//!
//! From the moment in which the peer is told, another leader may be elected within this one's lease. So whoever commands by
//! that lease must have fallen silent before; that is why there are two steps.
//!
//! openraft takes no transfer back: once the peer was told, this replica proposes nothing and sends no heartbeat. If the peer
//! is not elected, an ordinary election follows within an election timeout.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use ridethrough_core::device::ReplicaId;
use tokio::time::{Instant, timeout, timeout_at};

use crate::replica::{NEVER_CEDED, Replica};
use crate::status::{Peer, Role};

/// How long a peer that has been told of everything may take to have written it.
const CATCH_UP: Duration = Duration::from_millis(50);
/// A peer that has acknowledged nothing for so long, and for longer than an election takes, is not reached: heartbeats come
/// every few milliseconds, but a busy machine answers some of them late.
pub(crate) const HEARD_MAX: Duration = Duration::from_millis(250);
/// A peer that is further behind is not handed over to.
pub const LAG_ENTRIES_MAX: u64 = 256;

/// Leadership that is about to go to a peer. Dropping it changes nothing: call [`Replica::hand_over`] or [`Replica::resume`].
#[derive(Debug)]
pub struct Ceded {
    to: ReplicaId,
    term: u64,
}

/// Who leads instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// The new leader: the one that was asked for, unless it failed in that very moment.
    pub leader: ReplicaId,
    /// Its term.
    pub term: u64,
}

/// Why leadership is not handed over. This replica leads on, but for [`HandoverRefusal::NotElected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoverRefusal {
    /// This replica does not lead.
    NotLeader {
        /// Who does, as far as is known.
        leader: Option<ReplicaId>,
    },
    /// It leads already.
    LeadsAlready,
    /// The cluster has no such member, or it has no vote.
    NoVoter {
        /// Who was named.
        replica: ReplicaId,
    },
    /// The peer has not acknowledged anything for longer than an election takes.
    Unreachable {
        /// Which.
        replica: ReplicaId,
    },
    /// The peer does not have the whole log.
    Behind {
        /// Which.
        replica: ReplicaId,
        /// How many entries it lacks.
        entries: u64,
    },
    /// Leadership is being handed over already.
    Underway,
    /// Nobody was elected before the deadline.
    NotElected,
}

impl Replica {
    /// Whether leadership could go to this peer now.
    pub fn may_hand_over(&self, to: ReplicaId) -> Result<(), HandoverRefusal> {
        let status = self.status();
        if status.role != Role::Leader {
            return Err(HandoverRefusal::NotLeader { leader: status.leader });
        }
        if status.leader == Some(to) {
            return Err(HandoverRefusal::LeadsAlready);
        }
        if self.ceded_term() == Some(status.term) {
            return Err(HandoverRefusal::Underway);
        }
        let peer = self.peers().remove(&to).filter(|peer| peer.votes);
        let Peer { lag_entries, acked_ago, .. } = peer.ok_or(HandoverRefusal::NoVoter { replica: to })?;
        if acked_ago.is_none_or(|ago| ago > self.election_end().max(HEARD_MAX)) {
            return Err(HandoverRefusal::Unreachable { replica: to });
        }
        match lag_entries {
            Some(entries) if entries <= LAG_ENTRIES_MAX => Ok(()),
            lag => Err(HandoverRefusal::Behind { replica: to, entries: lag.unwrap_or(u64::MAX) }),
        }
    }

    /// Gives up what this replica is confirmed for, and nothing else yet: from now on, its status vouches for no time at all.
    pub fn cede(&self, to: ReplicaId) -> Result<Ceded, HandoverRefusal> {
        self.may_hand_over(to)?;
        let term = self.status().term;
        // Pairs with the Acquire in `ceded_term`.
        self.ceded.store(term, Ordering::Release);
        Ok(Ceded { to, term })
    }

    /// Takes back what [`Replica::cede`] gave up, when nobody was told.
    pub fn resume(&self, _: Ceded) {
        // Pairs with the Acquire in `ceded_term`.
        self.ceded.store(NEVER_CEDED, Ordering::Release);
    }

    /// Hands over and waits until somebody else leads, at most until the deadline. Whatever commanded by this replica's
    /// leadership must be silent by now.
    pub async fn hand_over(&self, ceded: Ceded, deadline: Duration) -> Result<HandedOver, HandoverRefusal> {
        let Ceded { to, term } = ceded;
        if !self.has_caught_up(to, term).await {
            let entries = self.status().lag_entries.get(&to).copied().unwrap_or(u64::MAX);
            self.resume(ceded);
            return Err(HandoverRefusal::Behind { replica: to, entries });
        }
        self.vacancy().ceded(term);
        let until = Instant::now() + deadline;
        // Fails only when this replica has stopped.
        let told = self.raft().trigger().transfer_leader(u64::from(to.0)).await.is_ok();
        let elected = if told { self.next_leader(term, until).await } else { None };
        elected.ok_or(HandoverRefusal::NotElected)
    }

    /// Whether the peer has written all there is, before long; false also when this replica leads no more.
    async fn has_caught_up(&self, to: ReplicaId, term: u64) -> bool {
        let mut metrics = self.raft().metrics();
        let caught_up = async {
            loop {
                let status = self.status();
                if status.term != term || status.role != Role::Leader {
                    return false;
                }
                if status.lag_entries.get(&to) == Some(&0) {
                    return true;
                }
                if metrics.changed().await.is_err() {
                    return false;
                }
            }
        };
        timeout(CATCH_UP, caught_up).await.unwrap_or(false)
    }

    async fn next_leader(&self, term: u64, until: Instant) -> Option<HandedOver> {
        let mut metrics = self.raft().metrics();
        loop {
            let now = self.status();
            if let Some(leader) = now.leader.filter(|_| now.term > term) {
                return Some(HandedOver { leader, term: now.term });
            }
            timeout_at(until, metrics.changed()).await.ok()?.ok()?;
        }
    }
}

impl Display for HandoverRefusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader { leader: Some(leader) } => write!(f, "this replica does not lead; {leader} leads: ask it"),
            Self::NotLeader { leader: None } => f.write_str("this replica does not lead; nobody leads at present"),
            Self::LeadsAlready => f.write_str("this replica leads already"),
            Self::NoVoter { replica } => write!(f, "{replica} is no voting member of this cluster"),
            Self::Unreachable { replica } => write!(f, "{replica} does not answer: see that it runs"),
            Self::Behind { replica, entries: u64::MAX } => write!(f, "nothing is known of {replica}'s log yet"),
            Self::Behind { replica, entries } => {
                write!(f, "{replica} is {entries} entries behind: try again once it has caught up")
            }
            Self::Underway => f.write_str("leadership is being handed over already"),
            Self::NotElected => f.write_str("nobody was elected in time; an ordinary election follows by itself"),
        }
    }
}

impl std::error::Error for HandoverRefusal {}
