//! When peers last acknowledged this replica as their leader, by what came over the network.
//!
//! openraft keeps the same, but takes an answer from [`Electors`](super::electors::Electors), which no peer has given, for a
//! peer's word. By how lately a majority was heard, this replica commands devices; so that is judged by this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// When each peer was sent the newest request that it has answered in the newest term.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    newest: Mutex<InTerm>,
}

#[derive(Debug, Default)]
struct InTerm {
    term: u64,
    sent: BTreeMap<u64, Instant>,
}

impl Acks {
    /// A peer has answered as a follower of this replica, in this term, what was sent to it then.
    pub(crate) fn note(&self, peer: u64, term: u64, sent: Instant) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if term > newest.term {
            *newest = InTerm { term, sent: BTreeMap::new() };
        }
        if term == newest.term {
            let last = newest.sent.entry(peer).or_insert(sent);
            *last = sent.max(*last);
        }
    }

    /// Since when a majority of each of these groups of voters has known `own` as the leader of the term; `own` knows it now.
    pub(crate) fn majority(&self, own: u64, term: u64, groups: &[BTreeSet<u64>], now: Instant) -> Option<Instant> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |voter: &u64| {
            let heard = if newest.term == term { newest.sent.get(voter).copied() } else { None };
            if *voter == own { Some(now) } else { heard }
        };
        let since = |voters: &BTreeSet<u64>| {
            let mut known: Vec<Instant> = voters.iter().filter_map(told).collect();
            known.sort_unstable_by(|one, other| other.cmp(one));
            known.get(voters.len() / 2).copied()
        };
        let each: Option<Vec<Instant>> = groups.iter().map(since).collect();
        each?.into_iter().min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_majority_of_every_group_counts_and_each_with_its_newest_answer() {
        let (acks, base) = (Acks::default(), Instant::now());
        let at = |ms| base + Duration::from_millis(ms);
        let three = [BTreeSet::from([1, 2, 3])];
        assert_eq!(acks.majority(1, 5, &three, at(9)), None, "nobody has answered");
        acks.note(2, 5, at(3));
        assert_eq!(acks.majority(1, 5, &three, at(9)), Some(at(3)));
        acks.note(3, 5, at(6));
        acks.note(3, 5, at(4));
        assert_eq!(acks.majority(1, 5, &three, at(9)), Some(at(6)), "an answer that comes late takes nothing back");
        let both = [BTreeSet::from([1, 2, 3]), BTreeSet::from([1, 2, 4])];
        assert_eq!(acks.majority(1, 5, &both, at(9)), Some(at(3)));
        assert_eq!(
            acks.majority(1, 5, &[BTreeSet::from([2, 3])], at(9)),
            Some(at(3)),
            "both of two, itself not counted"
        );
        assert_eq!(acks.majority(1, 5, &[BTreeSet::from([1])], at(9)), Some(at(9)));
        assert_eq!(acks.majority(1, 5, &[], at(9)), None);
    }

    #[test]
    fn what_was_answered_in_another_term_says_nothing() {
        let (acks, base) = (Acks::default(), Instant::now());
        let three = [BTreeSet::from([1, 2, 3])];
        acks.note(2, 5, base);
        assert_eq!(acks.majority(1, 6, &three, base), None);
        acks.note(3, 6, base);
        acks.note(2, 5, base + Duration::from_millis(1));
        assert_eq!(acks.majority(1, 6, &three, base), Some(base));
        assert_eq!(acks.majority(1, 5, &three, base), None);
    }
}
