//! What peers were known to have when they gave their vote, so that a new leader need not search for it.
//!
//! openraft's leader finds the last entry that a follower shares with it by halving: each step is a round trip with eight
//! entries, one for each doubling of the log, before the first new entry is sent. But a voter says what the last entry of its
//! log is, and where that is of the same leader as the candidate's own last, all before it is the same, too: in one term there
//! is one leader, and its entries are in one order. Steps of the search that lie in there are answered from this.
//!
//! Nothing is committed by it, since these entries are older than the leader's term; and nobody is taken for having heard its
//! leader by it ([`Acks`](super::acks::Acks)). A peer that has lost its log since says so when the first new entry comes, is
//! forgotten here, and searched in earnest.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::codec::wire::{AppendRequest, VoteAnswer, VoteRequest};
use crate::leader_id::LeaderId;
use crate::type_config::LogId;

/// By peer: whom it voted for, and the last entry that both had.
#[derive(Debug, Default)]
pub(crate) struct Electors {
    shared: Mutex<BTreeMap<u64, (LeaderId, LogId)>>,
}

impl Electors {
    /// Takes in what a peer answers to a candidate.
    pub(crate) fn note(&self, peer: u64, request: &VoteRequest, answer: &VoteAnswer) {
        if let Some(last) = shared(request, answer) {
            self.lock().insert(peer, (request.vote.leader_id, last));
        }
    }

    /// The last of these entries that the peer is known to have, if it has any of them.
    pub(crate) fn has(&self, peer: u64, request: &AppendRequest) -> Option<LogId> {
        let leader = request.vote.leader_id;
        // What a leader has made itself nobody had when it was elected: no lock is taken for a heartbeat or a commit.
        let first = request.entries.first().filter(|entry| entry.log_id.leader_id.term < leader.term)?.log_id;
        let last = self.lock().get(&peer).filter(|(elected, _)| *elected == leader)?.1;
        let held = last.index.checked_sub(first.index).map(|more| usize::try_from(more).unwrap_or(usize::MAX))?;
        Some(request.entries.get(held).or(request.entries.last())?.log_id)
    }

    /// The peer does not have what it had.
    pub(crate) fn forget(&self, peer: u64) {
        self.lock().remove(&peer);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, (LeaderId, LogId)>> {
        // Each change is a single one, so a panic elsewhere leaves nothing half done.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last entry that a voter and its candidate are known to share.
fn shared(request: &VoteRequest, answer: &VoteAnswer) -> Option<LogId> {
    let (own, theirs) = (request.last_log_id?, answer.last_log_id?);
    let same_leader = own.leader_id == theirs.leader_id && theirs.index <= own.index;
    (answer.vote_granted && same_leader).then_some(theirs)
}

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;

    use super::*;
    use crate::leader_id::Elected;
    use crate::type_config::{LogEntry, Vote};

    fn id(term: u64, index: u64) -> LogId {
        LogId::new(Elected { term, node: 1 }, index)
    }

    fn vote(node: u64) -> Vote {
        Vote { leader_id: LeaderId { term: 9, node }, committed: true }
    }

    /// A candidate with this last entry asks, and a voter with that one answers.
    fn asked(own: LogId, theirs: Option<LogId>, granted: bool) -> (VoteRequest, VoteAnswer) {
        let candidate = Vote { committed: false, ..vote(2) };
        let request = VoteRequest { vote: candidate, last_log_id: Some(own), leadership_transfer: false };
        (request, VoteAnswer::new(candidate, theirs, granted))
    }

    fn append(node: u64, entries: std::ops::Range<u64>) -> AppendRequest {
        let entry = |index| LogEntry { log_id: id(7, index), payload: EntryPayload::Blank };
        AppendRequest {
            vote: vote(node),
            prev_log_id: None,
            leader_commit: None,
            entries: entries.map(entry).collect(),
        }
    }

    #[test]
    fn what_is_shared_is_known_where_both_ends_are_of_one_leader() {
        let known = |own, theirs, granted| {
            let (request, answer) = asked(own, theirs, granted);
            shared(&request, &answer)
        };
        assert_eq!(known(id(7, 30), Some(id(7, 30)), true), Some(id(7, 30)));
        assert_eq!(known(id(7, 30), Some(id(7, 22)), true), Some(id(7, 22)), "it lacks the end");
        assert_eq!(known(id(7, 30), Some(id(6, 22)), true), None, "nobody knows where the two part");
        assert_eq!(known(id(7, 30), Some(id(6, 40)), true), None);
        assert_eq!(known(id(7, 30), Some(id(7, 30)), false), None, "it may have voted for somebody else");
        assert_eq!(known(id(7, 30), None, true), None);
    }

    #[test]
    fn a_step_of_the_search_is_answered_as_far_as_the_voter_said() {
        let electors = Electors::default();
        let (request, answer) = asked(id(7, 30), Some(id(7, 22)), true);
        electors.note(3, &request, &answer);
        for (entries, held) in [(8..16, Some(15)), (16..24, Some(22)), (22..30, Some(22)), (23..31, None), (8..8, None)]
        {
            assert_eq!(electors.has(3, &append(2, entries.clone())), held.map(|held| id(7, held)), "{entries:?}");
        }
        assert_eq!(electors.has(1, &append(2, 8..16)), None, "it has not voted");
        assert_eq!(electors.has(3, &append(1, 8..16)), None, "not for that leader");
        electors.forget(3);
        assert_eq!(electors.has(3, &append(2, 8..16)), None);
    }
}
