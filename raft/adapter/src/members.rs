//! Changing who belongs to the cluster, at the leader.
//!
//! ```text
//!  add:     call it ──► learner ──► it has the log, within the deadline ──► voter
//!  forget:  it is out of the voters (both majorities agree) ──► out of the members
//! ```
//!
//! Each step is an entry of the log. What is left half-done by a leader that fails is a learner too many or a membership in two
//! halves; both vote safely, and the same wish, repeated, completes it. A learner is taken back by forgetting it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::error::{ChangeMembershipError, ClientWriteError, RaftError};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::members::MemberChange;
use tokio::time::{Instant, sleep, timeout_at};

use crate::handover::{HEARD_MAX, LAG_ENTRIES_MAX};
use crate::peer::probe::ProbeError;
use crate::replica::{POLL, Replica};
use crate::status::{Peer, Role};
use crate::type_config::{Membership, PeerAddress, TypeConfig};

/// At most so many replicas form a cluster.
pub const MEMBERS_MAX: usize = 7;
/// Fewer voters are no cluster: one alone could lose what it has acknowledged.
const VOTERS_MIN: usize = 2;

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The membership's entry.
    pub index: u64,
    /// Who votes now.
    pub voters: Vec<ReplicaId>,
}

/// Why the members do not change. Nothing was changed, but for [`MembersRefusal::Behind`] and [`MembersRefusal::Late`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembersRefusal {
    /// This replica does not lead.
    NotLeader {
        /// Who does, as far as is known.
        leader: Option<ReplicaId>,
    },
    /// There is no such member.
    Unknown(ReplicaId),
    /// The replica leads.
    Leads(ReplicaId),
    /// The replica is alive: it has acknowledged something a moment ago.
    Alive(ReplicaId),
    /// Too few would be left to be a cluster.
    TooFew,
    /// Too few of those who would be left are alive to commit anything.
    NoMajority {
        /// How many of them are alive.
        live: usize,
        /// How many there would be.
        of: usize,
    },
    /// It is a member already.
    Member {
        /// Which.
        replica: ReplicaId,
        /// Where it listens, by the log.
        address: SocketAddr,
    },
    /// Another member listens there.
    AddressTaken(ReplicaId),
    /// The address is no replica's.
    NoAddress(SocketAddr),
    /// No more members go.
    Full,
    /// It is not who it should be.
    Newcomer(ProbeError),
    /// It did not receive the log in time, and stays a learner.
    Behind {
        /// Which.
        replica: ReplicaId,
        /// How many entries it lacks; none where it has acknowledged nothing.
        entries: Option<u64>,
    },
    /// Another change is on its way.
    Underway,
    /// No majority answered in time; the change may still come about.
    Late,
    /// The replica is being stopped, or has failed.
    Failed(String),
}

impl Replica {
    /// Whether this change could be made now, as far as this replica knows by itself: nobody is called.
    pub fn may_change(&self, change: &MemberChange) -> Result<(), MembersRefusal> {
        let status = self.status();
        let leader = status.leader;
        let leads = status.role == Role::Leader && leader.is_some();
        let Some(own) = leader.filter(|_| leads) else { return Err(MembersRefusal::NotLeader { leader }) };
        let heard_max = self.election_end().max(HEARD_MAX);
        Scene { own, peers: &self.peers(), halved: self.is_between_memberships(), heard_max }.judge(change)
    }

    /// Changes who belongs to the cluster. Returns once it is committed, or at the deadline.
    pub async fn change_members(&self, change: &MemberChange, deadline: Duration) -> Result<Changed, MembersRefusal> {
        self.may_change(change)?;
        let until = Instant::now() + deadline;
        match *change {
            MemberChange::Forget { replica, .. } => self.forget(replica, until).await,
            MemberChange::Add { replica, address } => self.add(replica, address, until).await,
        }
    }

    fn is_between_memberships(&self) -> bool {
        self.raft().metrics().borrow_watched().membership_config.membership().get_joint_config().len() > 1
    }

    async fn forget(&self, replica: ReplicaId, until: Instant) -> Result<Changed, MembersRefusal> {
        let ids = BTreeSet::from([u64::from(replica.0)]);
        let votes = self.peers().get(&replica).is_some_and(|peer| peer.votes);
        let change = if votes { ChangeMembers::RemoveVoters(ids) } else { ChangeMembers::RemoveNodes(ids) };
        self.commit(change, until).await
    }

    async fn add(&self, replica: ReplicaId, address: SocketAddr, until: Instant) -> Result<Changed, MembersRefusal> {
        let id = u64::from(replica.0);
        if !self.peers().contains_key(&replica) {
            self.prober().newcomer(replica, address).await.map_err(MembersRefusal::Newcomer)?;
            self.commit(ChangeMembers::AddNodes(BTreeMap::from([(id, PeerAddress(address))])), until).await?;
        }
        self.wait_until_it_has_the_log(replica, until).await?;
        self.commit(ChangeMembers::AddVoterIds(BTreeSet::from([id])), until).await
    }

    async fn wait_until_it_has_the_log(&self, replica: ReplicaId, until: Instant) -> Result<(), MembersRefusal> {
        loop {
            let status = self.status();
            if status.role != Role::Leader {
                return Err(MembersRefusal::NotLeader { leader: status.leader });
            }
            if self.is_ending() {
                return Err(MembersRefusal::Failed("this replica is being stopped".into()));
            }
            let peer = self.peers().remove(&replica).filter(|peer| peer.acked_ago.is_some());
            let entries = peer.and_then(|peer| peer.lag_entries);
            if entries.is_some_and(|entries| entries <= LAG_ENTRIES_MAX) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(MembersRefusal::Behind { replica, entries });
            }
            sleep(POLL).await;
        }
    }

    async fn commit(&self, change: ChangeMembers<u64, PeerAddress>, until: Instant) -> Result<Changed, MembersRefusal> {
        // openraft takes a forgotten voter out of the nodes, too, where it is not told to retain it.
        let written = timeout_at(until, self.raft().change_membership(change, false)).await;
        let written = written.map_err(|_| MembersRefusal::Late)?.map_err(refusal)?;
        let voters = written.membership.iter().flat_map(Membership::voter_ids);
        let voters = voters.filter_map(crate::type_config::replica).collect();
        Ok(Changed { index: written.log_id.index, voters })
    }
}

fn refusal(error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> MembersRefusal {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => {
            MembersRefusal::NotLeader { leader: to.leader_id.and_then(crate::type_config::replica) }
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(
            ChangeMembershipError::InProgress(_) | ChangeMembershipError::UncommittedLeaderLog(_),
        )) => MembersRefusal::Underway,
        error => MembersRefusal::Failed(error.to_string()),
    }
}

/// What a leader knows of its members at a moment.
struct Scene<'a> {
    own: ReplicaId,
    peers: &'a BTreeMap<ReplicaId, Peer>,
    /// Whether the membership stands in two halves: a change was left half-done.
    halved: bool,
    /// Who has acknowledged something within this is alive.
    heard_max: Duration,
}

impl Scene<'_> {
    fn judge(&self, change: &MemberChange) -> Result<(), MembersRefusal> {
        match *change {
            MemberChange::Forget { replica, although_alive } => self.may_forget(replica, although_alive),
            MemberChange::Add { replica, address } => self.may_add(replica, address),
        }
    }

    fn may_forget(&self, replica: ReplicaId, although_alive: bool) -> Result<(), MembersRefusal> {
        let peer = self.peers.get(&replica).ok_or(MembersRefusal::Unknown(replica))?;
        if replica == self.own {
            return Err(MembersRefusal::Leads(replica));
        }
        if !peer.votes {
            // It decides nothing, so nobody misses it.
            return Ok(());
        }
        if self.is_alive(peer) && !although_alive {
            return Err(MembersRefusal::Alive(replica));
        }
        let left: Vec<_> = self.peers.iter().filter(|(id, peer)| **id != replica && peer.votes).collect();
        let (live, of) = (left.iter().filter(|(_, peer)| self.is_alive(peer)).count(), left.len());
        if of < VOTERS_MIN {
            return Err(MembersRefusal::TooFew);
        }
        if live <= of / 2 { Err(MembersRefusal::NoMajority { live, of }) } else { Ok(()) }
    }

    fn may_add(&self, replica: ReplicaId, address: SocketAddr) -> Result<(), MembersRefusal> {
        if replica.0 == 0 || address.ip().is_unspecified() || address.ip().is_multicast() || address.port() == 0 {
            return Err(MembersRefusal::NoAddress(address));
        }
        if let Some(peer) = self.peers.get(&replica) {
            // A learner is a change that was left half-done, as two halves of a membership are.
            let repeated = (!peer.votes || self.halved) && peer.address == address;
            return if repeated { Ok(()) } else { Err(MembersRefusal::Member { replica, address: peer.address }) };
        }
        if let Some((other, _)) = self.peers.iter().find(|(_, peer)| peer.address == address) {
            return Err(MembersRefusal::AddressTaken(*other));
        }
        if self.peers.len() >= MEMBERS_MAX { Err(MembersRefusal::Full) } else { Ok(()) }
    }

    fn is_alive(&self, peer: &Peer) -> bool {
        peer.acked_ago.is_some_and(|ago| ago <= self.heard_max)
    }
}

impl Display for MembersRefusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader { leader: Some(leader) } => write!(f, "this replica does not lead; {leader} leads: ask it"),
            Self::NotLeader { leader: None } => f.write_str("this replica does not lead; nobody leads at present"),
            Self::Unknown(replica) => write!(f, "{replica} is no member of this cluster"),
            Self::Leads(replica) => write!(f, "{replica} leads: let another lead first (`ridectl cluster transfer`)"),
            Self::Alive(replica) => {
                write!(f, "{replica} is alive and heard: stop it first, or say --although-alive")
            }
            Self::TooFew => write!(f, "fewer than {VOTERS_MIN} voting members would be left"),
            Self::NoMajority { live, of } => {
                write!(
                    f,
                    "of the {of} voting members that would be left only {live} are alive: bring another back first"
                )
            }
            Self::Member { replica, address } => {
                write!(f, "{replica} is a member already, at {address}: forget it first")
            }
            Self::AddressTaken(replica) => write!(f, "{replica} listens at this address"),
            Self::NoAddress(address) => write!(f, "{address} is no address that a replica can be reached at"),
            Self::Full => write!(f, "a cluster has at most {MEMBERS_MAX} members"),
            Self::Newcomer(error) => error.fmt(f),
            Self::Behind { replica, entries } => {
                match entries {
                    Some(entries) => write!(f, "{replica} is {entries} entries behind after all the time it has: ")?,
                    None => write!(f, "{replica} has acknowledged nothing in all the time it has: ")?,
                }
                f.write_str(
                    "it stays a learner, which decides nothing; say the same again once it is reached, or forget it",
                )
            }
            Self::Underway => f.write_str("another change of the members is on its way: try again"),
            Self::Late => {
                f.write_str("no majority answered in time; look at `ridectl cluster status` before trying again")
            }
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for MembersRefusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(id: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 7_300 + id))
    }

    /// Members by a letter each: `L` leads, `v` votes and is alive, `d` votes and is dead, `l` learns; after a `+`, a change was
    /// left half-done.
    fn check(letters: &str, change: &MemberChange, expected: &str) {
        let members = letters.trim_start_matches('+');
        let halved = members != letters;
        let heard_max = Duration::from_millis(250);
        let peers = members.chars().zip(1..).map(|(letter, id)| {
            let acked_ago = if letter == 'd' { Some(2 * heard_max) } else { Some(heard_max) };
            let peer = Peer { votes: letter != 'l', address: address(id), lag_entries: Some(0), acked_ago };
            (ReplicaId(id), peer)
        });
        let peers: BTreeMap<_, _> = peers.collect();
        let own = ReplicaId(members.chars().zip(1..).find(|(letter, _)| *letter == 'L').expect("a leader").1);
        let judged = Scene { own, peers: &peers, halved, heard_max }.judge(change);
        let told = judged.map_or_else(|refusal| refusal.to_string(), |()| "may".into());
        assert!(told.contains(expected), "{members} {change:?}: expected `{expected}`, found `{told}`");
    }

    #[test]
    fn a_dead_replica_is_forgotten_where_a_living_majority_is_left() {
        let forget = |id| MemberChange::Forget { replica: ReplicaId(id), although_alive: false };
        let although = |id| MemberChange::Forget { replica: ReplicaId(id), although_alive: true };
        check("Lvd", &forget(3), "may");
        check("Lvv", &forget(3), "n3 is alive and heard");
        check("Lvv", &although(3), "may");
        check("Lvd", &although(2), "of the 2 voting members that would be left only 1 are alive");
        check("Lvddv", &forget(3), "may");
        check("Lddvd", &forget(2), "of the 4 voting members that would be left only 2 are alive");
        check("Ld", &forget(2), "fewer than 2 voting members");
        check("vLd", &forget(2), "n2 leads: let another lead first");
        check("Lvd", &forget(4), "n4 is no member");
        check("Lvl", &forget(3), "may");
        check("Ldl", &forget(3), "may");
    }

    #[test]
    fn a_newcomer_needs_a_number_and_an_address_of_its_own() {
        let add = |id, address| MemberChange::Add { replica: ReplicaId(id), address };
        check("Lv", &add(3, address(3)), "may");
        check("Lv", &add(2, address(3)), "n2 is a member already, at 127.0.0.1:7302: forget it first");
        check("Lv", &add(3, address(2)), "n2 listens at this address");
        check("Lvl", &add(3, address(3)), "may");
        check("Lvl", &add(3, address(4)), "n3 is a member already");
        check("+Lvv", &add(3, address(3)), "may");
        check("+Lvv", &add(3, address(4)), "n3 is a member already");
        check("Lvvvvvv", &add(8, address(8)), "at most 7 members");
        check("Lv", &add(3, SocketAddr::from(([127, 0, 0, 1], 0))), "no address");
        check("Lv", &add(3, SocketAddr::from(([0, 0, 0, 0], 7303))), "no address");
    }
}
