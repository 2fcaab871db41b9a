//! Who belongs to the cluster, as this replica's log says, and what follows from it here.
//!
//! ```text
//!              nothing yet: the configuration's peers ─┐
//!  openraft ──► the newest membership in the log ──────┴─► members ──► links, watchers: whom to call
//!                                                             └──────► server: who may call
//! ```
//!
//! Once the cluster is founded, its log says who is a member and where. The configuration is the seed of a log that is
//! empty, and says of a member that has moved where it listens now. A replica that has yet to get its log anew may have the
//! beginning of it, from before today's members were added: until it is whole, those of the configuration count as well.
//!
//! A replica that was forgotten is told nothing by the log: it gets no entries any more. It knows it by its peers, who
//! refuse its calls as a stranger's. When so many refuse it that it could not be elected, it does not stand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::timeout;

use crate::peer::links::Links;
use crate::replica::Raft;
use crate::status;
use crate::type_config::Membership;
use crate::voting::Voting;

/// How often it is looked whether peers refuse this replica.
const LOOK: Duration = Duration::from_millis(100);
/// A leader that was heard within this is there, and knows the members better than a stranger who calls.
pub(crate) const LEADER_HEARD: Duration = Duration::from_secs(1);

/// What the configuration says of peers.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    /// Where every one listens.
    pub(crate) peers: BTreeMap<u64, SocketAddr>,
    /// Who has moved there since the log was told.
    pub(crate) moved: BTreeSet<u64>,
    /// Where this replica reaches a member that it does not reach where that listens.
    pub(crate) dialled: BTreeMap<u64, SocketAddr>,
}

/// Who belongs to the cluster.
#[derive(Debug)]
pub(crate) struct Members {
    seed: Seed,
    known: ArcSwap<Known>,
}

/// How much of the log this replica has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All that it ever had.
    Whole,
    /// Its directory was empty, and it has yet to learn what was committed.
    Part,
}

impl Extent {
    pub(crate) fn of(voting: &Voting) -> Self {
        if voting.is_whole() { Self::Whole } else { Self::Part }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Known {
    founded: bool,
    addresses: BTreeMap<u64, SocketAddr>,
}

impl Members {
    /// As the log says now; whether that is all of the log that there was.
    pub(crate) fn new(seed: Seed, membership: &Membership, log: Extent) -> Self {
        let members = Self { known: ArcSwap::from_pointee(known(&seed, membership, log)), seed };
        members.tell_differences(membership);
        members
    }

    /// Who they are, and where each of them is reached from here.
    pub(crate) fn addresses(&self) -> BTreeMap<u64, SocketAddr> {
        self.known.load().addresses.clone()
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        self.known.load().addresses.contains_key(&id)
    }

    /// Whether the log says who they are.
    pub(crate) fn is_founded(&self) -> bool {
        self.known.load().founded
    }

    /// Takes in what the log says; whether that is something new.
    fn take(&self, membership: &Membership, log: Extent) -> bool {
        let known = known(&self.seed, membership, log);
        // A founded log stays so; openraft's first word comes before it has looked.
        let new = (known.founded || !self.is_founded()) && **self.known.load() != known;
        if new {
            self.known.store(Arc::new(known));
        }
        new
    }

    /// A person who edits the file and sees no effect must find the reason.
    fn tell_differences(&self, membership: &Membership) {
        for (id, address) in membership.nodes() {
            let told = self.seed.peers.get(id).filter(|told| **told != address.0 && !self.seed.moved.contains(id));
            if let Some(told) = told {
                tracing::warn!(
                    replica = id, log = %address.0, file = %told,
                    "the log says another address than the file: the log's counts, unless the [[peer]] says moved = true"
                );
            }
        }
    }
}

fn known(seed: &Seed, membership: &Membership, log: Extent) -> Known {
    let founded = membership.nodes().next().is_some();
    let moved = |id: &u64| seed.moved.contains(id).then(|| seed.peers.get(id).copied()).flatten();
    let logged = membership.nodes().map(|(&id, address)| (id, moved(&id).unwrap_or(address.0)));
    let mut addresses: BTreeMap<u64, SocketAddr> = if founded { logged.collect() } else { seed.peers.clone() };
    if log == Extent::Part {
        // One that was added later may be the one whose word this replica waits for.
        for (id, address) in &seed.peers {
            addresses.entry(*id).or_insert(*address);
        }
    }
    for (id, address) in &mut addresses {
        *address = seed.dialled.get(id).copied().unwrap_or(*address);
    }
    Known { founded, addresses }
}

/// What follows from a membership that changes.
pub(crate) struct Following {
    pub(crate) raft: Raft,
    pub(crate) own: u64,
    pub(crate) members: Arc<Members>,
    pub(crate) links: Links,
    pub(crate) voting: Arc<Voting>,
}

impl Following {
    /// Follows until it is dropped, or openraft has stopped.
    pub(crate) async fn follow(self) {
        let mut metrics = self.raft.metrics();
        loop {
            let stored = metrics.borrow_watched().membership_config.clone();
            if self.members.take(stored.membership(), Extent::of(&self.voting)) {
                let addresses = self.members.addresses();
                tracing::info!(members = ?addresses, "the members of the cluster");
                self.links.follow(&addresses);
            }
            self.judge(stored.membership());
            // Whatever commits wakes it; peers that refuse do not.
            if let Ok(Err(_)) = timeout(LOOK, metrics.changed()).await {
                return;
            }
        }
    }

    /// Notes whether this replica is forgotten.
    fn judge(&self, membership: &Membership) {
        let voters: BTreeSet<u64> = membership.voter_ids().collect();
        // Who hears a leader is a member, whatever an older part of the log says.
        let heard = self.voting.heard_within(LEADER_HEARD) || self.leads();
        let out = self.members.is_founded() && !heard && cannot_win(self.own, &voters, &self.links.refusing());
        if out == self.voting.is_forgotten() {
            return;
        }
        self.voting.set_forgotten(out);
        // Before it is whole, elections are switched off for that.
        if self.voting.is_whole() {
            self.raft.runtime_config().elect(!out);
        }
        if out {
            tracing::error!(
                "THIS REPLICA IS FORGOTTEN: its peers say that it is no member; it does not stand for election. Empty its data \
                 folder and add it anew (`ridectl cluster add` at the leader), or stop it"
            );
        } else {
            tracing::info!("this replica is a member again");
        }
    }

    fn leads(&self) -> bool {
        leads_since(&self.raft).is_some_and(|ago| ago <= LEADER_HEARD)
    }
}

/// How long ago a majority acknowledged this replica as its leader; none where it leads nothing.
pub(crate) fn leads_since(raft: &Raft) -> Option<Duration> {
    status::quorum_acked_ago(&raft.metrics().borrow_watched())
}

/// Whether a replica that these voters refuse as a stranger cannot be elected.
fn cannot_win(own: u64, voters: &BTreeSet<u64>, refusing: &BTreeSet<u64>) -> bool {
    !voters.contains(&own) && voters.iter().any(|voter| refusing.contains(voter))
        || voters.difference(refusing).count() < voters.len() / 2 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::type_config::PeerAddress;

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, host], 7301))
    }

    fn membership(nodes: &[(u64, u8)]) -> Membership {
        let voters: BTreeSet<u64> = nodes.iter().map(|(id, _)| *id).collect();
        let nodes: BTreeMap<u64, PeerAddress> =
            nodes.iter().map(|(id, host)| (*id, PeerAddress(address(*host)))).collect();
        Membership::new(vec![voters], nodes).expect("sound")
    }

    fn seed(moved: &[u64]) -> Seed {
        let peers = (1..=3).map(|id| (id, address(9))).collect();
        Seed { peers, moved: moved.iter().copied().collect(), dialled: BTreeMap::new() }
    }

    #[test]
    fn the_file_is_the_seed_and_the_log_the_truth() {
        let members = Members::new(seed(&[]), &Membership::default(), Extent::Whole);
        assert!(!members.is_founded() && members.contains(1) && members.addresses()[&3] == address(9));
        assert!(members.take(&membership(&[(1, 1), (2, 2), (4, 4)]), Extent::Whole));
        assert!(members.is_founded() && !members.contains(3), "forgotten, whatever the file says");
        assert_eq!(members.addresses(), [(1, address(1)), (2, address(2)), (4, address(4))].into());
        assert!(!members.take(&membership(&[(1, 1), (2, 2), (4, 4)]), Extent::Whole), "nothing new");
    }

    #[test]
    fn a_member_that_has_moved_is_where_the_file_says_and_nobody_joins_by_the_file() {
        let members = Members::new(seed(&[2, 3]), &membership(&[(1, 1), (2, 2)]), Extent::Whole);
        assert_eq!(members.addresses(), [(1, address(1)), (2, address(9))].into());
    }

    /// Found by `cargo sim-raft --seeds 1 --seed 33 --seconds 30`: a newcomer, killed while it caught up, called the members of that
    /// time only, and waited for ever for the word of one that had been added since.
    #[test]
    fn who_has_only_the_beginning_of_the_log_calls_those_of_the_file_as_well_until_it_is_whole() {
        let log = membership(&[(1, 1), (2, 2)]);
        let members = Members::new(seed(&[]), &log, Extent::Part);
        assert_eq!(members.addresses(), [(1, address(1)), (2, address(2)), (3, address(9))].into());
        assert!(members.take(&log, Extent::Whole) && !members.contains(3));
    }

    #[test]
    fn a_member_is_dialled_where_the_file_says_before_and_after_it_is_founded() {
        let seed = Seed { dialled: [(2, address(8)), (7, address(8))].into(), ..seed(&[]) };
        let members = Members::new(seed, &Membership::default(), Extent::Whole);
        assert_eq!(members.addresses(), [(1, address(9)), (2, address(8)), (3, address(9))].into());
        assert!(members.take(&membership(&[(1, 1), (2, 2)]), Extent::Whole));
        assert_eq!(members.addresses(), [(1, address(1)), (2, address(8))].into());
    }

    #[test]
    fn who_is_refused_by_so_many_that_no_majority_is_left_is_forgotten() {
        let check = |voters: &[u64], refusing: &[u64], expected: bool| {
            let (voters, refusing) = (voters.iter().copied().collect(), refusing.iter().copied().collect());
            assert_eq!(cannot_win(3, &voters, &refusing), expected, "{voters:?} {refusing:?}");
        };
        check(&[1, 2, 3], &[], false);
        check(&[1, 2, 3], &[1], false);
        check(&[1, 2, 3], &[1, 2], true);
        check(&[1, 2, 3, 4, 5], &[1, 2], false);
        check(&[1, 2, 3, 4, 5], &[1, 2, 4], true);
        // The log itself has told it.
        check(&[1, 2], &[], false);
        check(&[1, 2], &[1], true);
    }
}
