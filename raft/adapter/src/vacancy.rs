//! When nobody needs to wait until a leader's lease has lapsed, because its seat is known to be vacant.
//!
//! Followers refuse other candidates until an election timeout after they last heard from their leader: it may be alive and
//! merely slow. Two things say that it is not:
//!
//! - **It has handed over** and said so to everybody (leader transfer).
//! - **Its process is gone.** The kernel of a process that ends resets its connections at once and refuses new ones. A
//!   reset alone says little; a reset *and* a refused call to the same address says that nobody listens there any more. A
//!   replica that starts again leads nothing.
//!
//! Either is believed only by who has seen it for himself: a candidate that claims a vacancy gets the vote of a peer that
//! knows of it too, and for everybody else it is a candidate like any other, whom the lease holds off. A host that loses its
//! power, or a network that goes silent, refuses nothing: there the lease decides, as ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// A vote that claims a vacancy may come before this replica has seen it, too; for so long it waits.
const SEEING_MAX: Duration = Duration::from_millis(8);

/// Whose seat is known to be vacant.
#[derive(Debug)]
pub(crate) struct Vacancy {
    seen: watch::Sender<Seen>,
    shorter_log: Notify,
}

/// What is known of peers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Peers whose processes are gone.
    gone: BTreeSet<u64>,
    /// How often each peer was met: what was seen before it was met last says nothing any more.
    met: BTreeMap<u64, u64>,
    /// The newest term whose leader has handed over.
    ceded: Option<u64>,
}

impl Vacancy {
    pub(crate) fn new() -> Self {
        Self { seen: watch::Sender::new(Seen::default()), shorter_log: Notify::new() }
    }

    /// A peer was heard on a connection that is new: its process lives.
    pub(crate) fn met(&self, peer: u64) {
        self.seen.send_if_modified(|seen| {
            *seen.met.entry(peer).or_default() += 1;
            seen.gone.remove(&peer)
        });
    }

    /// What [`Vacancy::gone`] must be told: taken before the peer is called.
    pub(crate) fn meetings(&self, peer: u64) -> u64 {
        self.seen.borrow().met.get(&peer).copied().unwrap_or(0)
    }

    /// Nobody listens where the peer did, unless it was met since `meetings` was read.
    pub(crate) fn gone(&self, peer: u64, meetings: u64) {
        self.seen
            .send_if_modified(|seen| seen.met.get(&peer).copied().unwrap_or(0) == meetings && seen.gone.insert(peer));
    }

    /// The peer is no member any longer, or listens elsewhere: what was seen of it says nothing.
    pub(crate) fn forget(&self, peer: u64) {
        self.seen.send_if_modified(|seen| {
            *seen.met.entry(peer).or_default() += 1;
            seen.gone.remove(&peer)
        });
    }

    /// The leader of a term has handed over.
    pub(crate) fn ceded(&self, term: u64) {
        self.seen.send_if_modified(|seen| {
            let newer = seen.ceded < Some(term);
            seen.ceded = seen.ceded.max(Some(term));
            newer
        });
    }

    /// A candidate for a vacant seat has less of the log than this replica: it will not be elected.
    pub(crate) fn shorter_log(&self) {
        self.shorter_log.notify_waiters();
    }

    /// Waits for a candidate that has less of the log.
    pub(crate) async fn wait_for_shorter_log(&self) {
        self.shorter_log.notified().await;
    }

    /// Peers whose processes are gone.
    pub(crate) fn all_gone(&self) -> BTreeSet<u64> {
        self.seen.borrow().gone.clone()
    }

    /// Wakes whoever waits for something new to be seen.
    pub(crate) fn changes(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Whether the seat of `leader`, who led in `term`, is vacant. Waits a moment for what others have seen already.
    pub(crate) async fn of(&self, leader: u64, term: u64) -> bool {
        let mut changes = self.seen.subscribe();
        let vacant = changes.wait_for(|seen| seen.gone.contains(&leader) || seen.ceded >= Some(term));
        timeout(SEEING_MAX, vacant).await.is_ok_and(|seen| seen.is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seat_is_vacant_when_its_process_is_gone_or_its_leader_has_handed_over() {
        let vacancy = Vacancy::new();
        assert!(!vacancy.of(2, 5).await, "nothing was seen");
        vacancy.gone(2, 0);
        assert!(vacancy.of(2, 5).await && !vacancy.of(3, 5).await);
        vacancy.met(2);
        assert!(!vacancy.of(2, 5).await, "it is back");
        vacancy.ceded(5);
        assert!(vacancy.of(2, 5).await && !vacancy.of(2, 6).await);
        vacancy.ceded(4);
        assert!(vacancy.of(2, 5).await, "an older term's word changes nothing");
    }

    #[tokio::test]
    async fn what_was_seen_before_a_peer_was_met_says_nothing() {
        let vacancy = Vacancy::new();
        let meetings = vacancy.meetings(2);
        // The call is refused, and before that is told the peer has started and called.
        vacancy.met(2);
        vacancy.gone(2, meetings);
        assert!(!vacancy.of(2, 1).await);
        vacancy.gone(2, vacancy.meetings(2));
        assert!(vacancy.of(2, 1).await);
    }

    #[tokio::test]
    async fn a_vote_waits_for_what_will_be_seen_in_a_moment() {
        let vacancy = std::sync::Arc::new(Vacancy::new());
        let later = std::sync::Arc::clone(&vacancy);
        let (asked, seen) = tokio::join!(vacancy.of(2, 1), async move {
            tokio::task::yield_now().await;
            later.gone(2, 0);
        });
        assert_eq!((asked, seen), (true, ()));
    }
}
