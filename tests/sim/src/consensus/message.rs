//! What replicas say to each other.

use std::sync::Arc;

use ridethrough_core::command::Entry;
use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

/// One entry of the replicated log. The first has index 1.
#[derive(Clone, Debug)]
pub struct Item {
    /// Of the leader that appended it.
    pub term: u64,
    /// Which that was.
    pub leader: ReplicaId,
    /// What it carries; a new leader's first entry carries nothing.
    pub entry: Option<Arc<Entry>>,
}

/// Where a log ends: the last entry's term and its index, both 0 for an empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// Its term.
    pub term: u64,
    /// Its index.
    pub index: u64,
}

/// One message.
#[derive(Clone, Debug)]
pub enum Word {
    /// A candidate asks for a vote.
    Ask {
        /// In this term.
        term: u64,
        /// Where its log ends.
        end: End,
    },
    /// The answer.
    Vote {
        /// The voter's term.
        term: u64,
        /// Whether it votes for the candidate.
        granted: bool,
    },
    /// A replica whose disk was replaced asks which terms are known.
    AskTerm,
    /// The answer.
    Knows {
        /// The newest term that the peer knows of.
        term: u64,
    },
    /// A leader shows that it is there, and sends what the other lacks.
    Append {
        /// The leader's term.
        term: u64,
        /// What the entries follow.
        after: End,
        /// Entries; often none.
        items: Vec<Item>,
        /// Up to which index the leader knows the log to be committed.
        commit: u64,
        /// When it was sent, on the leader's own clock.
        sent_at: Millis,
    },
    /// The answer, once what was sent is durable.
    Appended {
        /// The follower's term.
        term: u64,
        /// Up to which index its log is the leader's; none where it lacks what the entries follow.
        matched: Option<u64>,
        /// Where its log may still be the leader's, for whoever has to go back.
        last: u64,
        /// What it answers.
        sent_at: Millis,
    },
}

impl Word {
    /// The term that it speaks of; none of a question for it.
    pub const fn term(&self) -> Option<u64> {
        match self {
            Self::AskTerm => None,
            Self::Ask { term, .. }
            | Self::Vote { term, .. }
            | Self::Knows { term }
            | Self::Append { term, .. }
            | Self::Appended { term, .. } => Some(*term),
        }
    }
}
