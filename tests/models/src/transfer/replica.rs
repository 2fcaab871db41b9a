//! One controller replica.

use super::log::Log;

/// How many replicas there are.
pub const REPLICAS: usize = 3;

/// What a replica does for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Follows, or waits.
    Follower,
    /// Has voted for itself and asks for a second vote.
    Candidate,
    /// Was elected in its term. It may have been deposed since and not know.
    Leader,
}

/// How far a leader has got that hands over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leaving {
    /// It leads on.
    #[default]
    No,
    /// It commands nothing any longer, and may yet take that back.
    Silent,
    /// It has told somebody, who may be elected at any time.
    Told,
}

/// What a leader last heard of the devices, acks and telemetry alike, as far as
/// [`may_go`](ridethrough_core::dispatch::may_go) looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known {
    /// Index of the order in force at the source; 0 when it follows its safe rule.
    pub source: u8,
    /// Index of the order in force at the sink; 0 when it follows its safe rule.
    pub sink: u8,
    /// Whether the sink draws.
    pub sink_gives: bool,
}

/// One controller replica. Its term, vote and log survive a restart. It has no name: nothing depends on which it is, so
/// states that differ only in that are one state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Replica {
    /// The highest term it has seen.
    pub term: u8,
    /// Whether it has voted in that term. Whom for does not matter: one vote more than its own elects a candidate.
    pub voted: bool,
    /// Its log.
    pub log: Log,
    /// What it is.
    pub role: Role,
    /// Up to which index it knows the log to be committed.
    pub commit: u8,
    /// For how many ticks a majority has confirmed it as leader.
    pub right: u8,
    /// For how many ticks it neither votes nor stands.
    pub promise: u8,
    /// What it heard of the devices since it leads.
    pub known: Known,
    /// Whether it hands over.
    pub leaving: Leaving,
}

impl Replica {
    /// A follower in term 1 with this log.
    pub fn new(log: Log) -> Self {
        let known = Known::default();
        let leaving = Leaving::No;
        Self { term: 1, voted: true, log, role: Role::Follower, commit: 0, right: 0, promise: 0, known, leaving }
    }

    /// Whether it was elected and has not heard of anybody else since.
    pub fn leads(&self) -> bool {
        self.role == Role::Leader
    }

    /// Whether all that was in its log when it was elected is committed: its own first entry, the last of them, is.
    pub fn is_caught_up(&self) -> bool {
        self.log.term_at(self.commit) == self.term
    }

    /// It learns of a term; in a new one it has not voted.
    pub fn learn(&mut self, term: u8) {
        if term > self.term {
            self.term = term;
            self.voted = false;
            self.follow();
        }
    }

    /// It neither leads nor stands any longer.
    pub fn follow(&mut self) {
        self.role = Role::Follower;
        self.right = 0;
        self.known = Known::default();
        self.leaving = Leaving::No;
    }
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}@{} voted {} log {:?}", self.role, self.term, self.voted, self.log)?;
        write!(f, " commit {} right {} promise {} known {:?}", self.commit, self.right, self.promise, self.known)?;
        write!(f, " leaving {:?}", self.leaving)
    }
}
