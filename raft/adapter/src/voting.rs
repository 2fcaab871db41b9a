//! When this replica may take part in elections.
//!
//! Three promises outlive a process, and openraft forgets them:
//!
//! - **The lease.** A replica that has acknowledged a leader votes for nobody else until an election timeout later;
//!   leaders hand out device leases on that. openraft begins without it after a restart, so a restarted replica is
//!   silent for as long.
//! - **The log.** A replica whose directory is empty may have lost its disk, and with it entries that are committed
//!   because it had stored them. With its vote a replica that never had them could be elected, and they would be lost
//!   (I5). So it neither votes nor stands until it holds all that a leader had committed when it first heard from it,
//!   or until every peer says that nothing was ever committed, which is how a cluster is founded.
//! - **The term.** What such a replica stores counts for a majority as well, and a leader that was cut off may not know yet that
//!   another was elected by the very promise that the disk has lost: the two of them would commit once more what the others
//!   have committed otherwise. So it first asks its peers which terms they know of, as many as leave no majority without one of
//!   them, and listens to no leader of an older one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::codec::wire::VoteRequest;
use crate::type_config::LogId;

const NOT_HEARD: u64 = u64::MAX;

/// What decides whether a vote is given.
#[derive(Debug)]
pub(crate) struct Voting {
    /// The lease that a process before this one may have promised has lapsed by then.
    silent_until: Instant,
    whole: AtomicBool,
    /// Index that was committed when a leader was first heard.
    target: AtomicU64,
    /// The newest term that peers know of, where this replica had to ask.
    floor: AtomicU64,
    begun: Instant,
    /// When a leader was last heard, in milliseconds since the beginning.
    heard_ms: AtomicU64,
    /// Peers say that this replica is no member.
    forgotten: AtomicBool,
}

impl Voting {
    pub(crate) fn new(silent_until: Instant, whole: bool) -> Self {
        Self {
            silent_until,
            whole: AtomicBool::new(whole),
            target: AtomicU64::new(NOT_HEARD),
            floor: AtomicU64::new(NOT_HEARD),
            begun: Instant::now(),
            heard_ms: AtomicU64::new(NOT_HEARD),
            forgotten: AtomicBool::new(false),
        }
    }

    /// Why this vote is not given, if it is not for openraft to decide.
    pub(crate) fn refuses(&self, request: &VoteRequest) -> Option<&'static str> {
        if !self.is_whole() {
            return Some("this replica has yet to learn what was committed");
        }
        // A leader that hands over has given up its lease itself.
        let silent = !request.leadership_transfer && Instant::now() < self.silent_until;
        silent.then_some("this replica has just started and keeps the promises of its last run")
    }

    /// Why nothing is taken from a leader of this term, if that is so.
    pub(crate) fn refuses_leader(&self, term: u64) -> Option<&'static str> {
        // Pairs with the Release in `peers_know`.
        let floor = self.floor.load(Ordering::Acquire);
        match (self.is_whole(), floor) {
            (true, _) => None,
            (false, NOT_HEARD) => {
                Some("this replica's directory was empty, and it has yet to learn which terms its peers know")
            }
            (false, floor) => (term < floor).then_some("another replica knows of a newer term than this leader's"),
        }
    }

    /// Enough peers have said which terms they know of; this is the newest.
    pub(crate) fn peers_know(&self, term: u64) {
        // Pairs with the Acquire in `refuses_leader`.
        self.floor.store(term, Ordering::Release);
    }

    /// Notes how far a leader's log was committed when it was first heard.
    pub(crate) fn heard_leader(&self, committed: Option<LogId>) {
        // Read alone; nothing else is published by it.
        self.heard_ms.store(self.now_ms(), Ordering::Relaxed);
        if let Some(committed) = committed {
            // Pairs with the Acquire in `target`; only the first leader's word counts, the target need not move.
            let _ = self.target.compare_exchange(NOT_HEARD, committed.index, Ordering::Release, Ordering::Relaxed);
        }
    }

    /// The index up to which this replica must apply before it may vote.
    pub(crate) fn target(&self) -> Option<u64> {
        // Pairs with the Release in `heard_leader`.
        Some(self.target.load(Ordering::Acquire)).filter(|&target| target != NOT_HEARD)
    }

    /// Whether this replica takes part in elections at all.
    pub(crate) fn is_whole(&self) -> bool {
        // Pairs with the Release in `now_whole`.
        self.whole.load(Ordering::Acquire)
    }

    /// Whether a leader was heard so lately.
    pub(crate) fn heard_within(&self, span: Duration) -> bool {
        let heard_ms = self.heard_ms.load(Ordering::Relaxed);
        heard_ms != NOT_HEARD && u128::from(self.now_ms().saturating_sub(heard_ms)) <= span.as_millis()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(NOT_HEARD - 1)
    }

    /// Whether peers say that this replica is no member.
    pub(crate) fn is_forgotten(&self) -> bool {
        // Read alone; nothing else is published by it.
        self.forgotten.load(Ordering::Relaxed)
    }

    /// What peers say of this replica's membership now.
    pub(crate) fn set_forgotten(&self, forgotten: bool) {
        self.forgotten.store(forgotten, Ordering::Relaxed);
    }

    /// From now on, this replica votes.
    pub(crate) fn now_whole(&self) {
        // Pairs with the Acquire in `is_whole`.
        self.whole.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leader_id::{Elected, LeaderId};
    use crate::type_config::Vote;

    fn request(leadership_transfer: bool) -> VoteRequest {
        let vote = Vote { leader_id: LeaderId { term: 2, node: 2 }, committed: false };
        VoteRequest { vote, last_log_id: None, leadership_transfer }
    }

    #[test]
    fn a_restarted_replica_keeps_the_lease_of_its_last_run() {
        let silent = Voting::new(Instant::now() + Duration::from_mins(1), true);
        assert!(silent.refuses(&request(false)).is_some());
        assert_eq!(silent.refuses(&request(true)), None, "the leader itself has given it up");
        assert_eq!(Voting::new(Instant::now(), true).refuses(&request(false)), None);
    }

    #[test]
    fn an_empty_replica_votes_once_it_is_whole_and_never_before() {
        let empty = Voting::new(Instant::now(), false);
        let committed = |index| Some(LogId::new(Elected { term: 1, node: 1 }, index));
        assert!(empty.refuses(&request(false)).is_some() && empty.refuses(&request(true)).is_some());
        assert_eq!(empty.target(), None);
        empty.heard_leader(None);
        empty.heard_leader(committed(7));
        empty.heard_leader(committed(9));
        assert_eq!(empty.target(), Some(7), "what was committed when a leader was first heard");
        empty.now_whole();
        assert_eq!(empty.refuses(&request(false)), None);
    }

    #[test]
    fn an_empty_replica_listens_to_no_leader_whom_a_peer_knows_to_be_succeeded() {
        let empty = Voting::new(Instant::now(), false);
        assert!(empty.refuses_leader(9).is_some(), "nobody has said anything yet");
        empty.peers_know(5);
        assert!(empty.refuses_leader(4).is_some());
        assert_eq!((empty.refuses_leader(5), empty.refuses_leader(6)), (None, None));
        empty.now_whole();
        assert_eq!(empty.refuses_leader(4), None, "openraft knows the term itself by now");
        assert_eq!(Voting::new(Instant::now(), true).refuses_leader(0), None);
    }
}
