//! Who leads: at most one replica per term.
//!
//! Orders are fenced by `(term, index)`, so two leaders must never share a term. openraft's default leader id lets
//! them; this one compares like Raft's own: in one term, candidates of two replicas have no order, so neither can
//! replace the other's vote. Unlike openraft's `leader_id_std` it keeps the leader's number in every log id, because a
//! decision's position tells the auditor who led.

use std::cmp::Ordering;
use std::fmt;

use openraft::vote::RaftLeaderId;

/// A replica that stands for election in a term, or has won it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderId {
    /// The term.
    pub term: u64,
    /// The replica.
    pub node: u64,
}

/// A leader that a majority has elected: the only one of its term, so these have a total order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elected {
    /// The term.
    pub term: u64,
    /// The replica; 0 in term 0, in which nobody leads.
    pub node: u64,
}

impl PartialOrd for LeaderId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.term.cmp(&other.term) {
            Ordering::Equal => (self.node == other.node).then_some(Ordering::Equal),
            unequal => Some(unequal),
        }
    }
}

impl PartialEq<Elected> for LeaderId {
    fn eq(&self, _: &Elected) -> bool {
        false
    }
}

impl PartialOrd<Elected> for LeaderId {
    fn partial_cmp(&self, other: &Elected) -> Option<Ordering> {
        // In one term, the elected leader overrides any candidate.
        Some(if self.term > other.term { Ordering::Greater } else { Ordering::Less })
    }
}

impl RaftLeaderId for LeaderId {
    type Term = u64;
    type NodeId = u64;
    type Committed = Elected;

    fn new(term: u64, node: u64) -> Self {
        Self { term, node }
    }

    fn term(&self) -> u64 {
        self.term
    }

    fn node_id(&self) -> &u64 {
        &self.node
    }

    fn to_committed(&self) -> Elected {
        // Each replica writes the founding membership itself, in term 0. Without a leader's number these entries are
        // one and the same, so that no replica takes another's for a conflict.
        Elected { term: self.term, node: if self.term == 0 { 0 } else { self.node } }
    }
}

impl fmt::Display for LeaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}-n{}", self.term, self.node)
    }
}

impl fmt::Display for Elected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}-n{}", self.term, self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_candidates_of_one_term_cannot_replace_each_other() {
        let (one, two) = (LeaderId::new(5, 1), LeaderId::new(5, 2));
        assert_eq!(one.partial_cmp(&two), None);
        assert_eq!(one.partial_cmp(&one), Some(Ordering::Equal));
        assert!(LeaderId::new(6, 1) > two);
    }

    #[test]
    fn founding_entries_of_all_replicas_are_the_same() {
        assert_eq!(LeaderId::new(0, 1).to_committed(), LeaderId::new(0, 3).to_committed());
        assert_ne!(LeaderId::new(1, 1).to_committed(), LeaderId::new(1, 3).to_committed());
    }

    /// Where it is not, a candidate of the same term could take over from whoever a majority has elected.
    #[test]
    fn who_was_elected_stands_above_every_candidate_of_the_term_and_below_those_of_the_next() {
        let elected = LeaderId::new(5, 1).to_committed();
        for node in [1, 2] {
            assert_eq!(LeaderId::new(5, node).partial_cmp(&elected), Some(Ordering::Less));
            assert_eq!(LeaderId::new(4, node).partial_cmp(&elected), Some(Ordering::Less));
            assert_eq!(LeaderId::new(6, node).partial_cmp(&elected), Some(Ordering::Greater));
            assert!(LeaderId::new(5, node) != elected, "a candidacy is never the election itself");
        }
    }
}
