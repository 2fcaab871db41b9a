//! What was seen of the replicas, and what must never be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use ridethrough_core::command::Seen;
use ridethrough_raft::{Role, Status};

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// I5: nothing acknowledged is lost.
    Durable,
    /// I6: replicas that have applied the same entries are in the same state.
    SameState,
    /// At most one replica leads in a term.
    OneLeader,
    /// I7: while a leader is confirmed, no other is elected.
    Alone,
    /// A replica runs until it is killed.
    Runs,
    /// Once faults have stopped, entries are committed again and everybody has them.
    Liveness,
}

impl Rule {
    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Durable => "I5",
            Self::SameState => "I6",
            Self::OneLeader => "one-leader",
            Self::Alone => "I7",
            Self::Runs => "runs",
            Self::Liveness => "liveness",
        }
    }
}

/// One breach, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// When, on virtual time.
    pub at: Duration,
    /// What was seen.
    pub what: String,
}

/// Until when a replica vouches that it leads alone.
#[derive(Clone, Copy, Debug)]
struct Claim {
    term: u64,
    until: Duration,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Book {
    /// The state after each entry, and who was first in it.
    states: BTreeMap<u64, ([u8; 32], u16)>,
    leaders: BTreeMap<u64, u16>,
    claims: BTreeMap<u16, Claim>,
    /// Who belongs to the cluster, or is about to.
    pub members: BTreeSet<u16>,
    /// What each replica was last seen to have applied.
    applied: BTreeMap<u16, Seen>,
    /// The newest state whose entry was acknowledged.
    acked: Seen,
    /// How many entries were acknowledged.
    pub acked_entries: u64,
    /// How often another replica was seen to lead than before.
    pub leaderships: u64,
    /// How often leadership went where it was asked to go.
    pub handed_over: u64,
    /// The first breach of each run is what counts; those after it may follow from it.
    pub violations: Vec<Violation>,
    trace: DefaultHasher,
}

/// Most breaches that are kept.
const VIOLATIONS_MAX: usize = 16;
/// Hosts move one after the other within a tick, so what they say of one moment lies up to a tick apart.
const TICK: Duration = super::run::TICK;

impl Book {
    /// That of a cluster of these.
    pub fn of(members: BTreeSet<u16>) -> Self {
        Self { members, ..Self::default() }
    }

    /// A replica was looked at.
    pub fn observe(&mut self, id: u16, now: Duration, status: &Status, seen: Seen, leads_for: Option<Duration>) {
        (id, now, status.role, status.term, seen.index, leads_for).hash(&mut self.trace);
        if let Some(reason) = &status.stopped {
            self.note(Rule::Runs, now, format!("n{id} has stopped: {reason}"));
        }
        self.applied.insert(id, seen);
        self.check_state(id, now, seen);
        if status.role == Role::Leader {
            self.check_leader(id, now, status);
        }
        match leads_for {
            Some(left) => drop(self.claims.insert(id, Claim { term: status.term, until: now + left })),
            None => self.gives_up(id),
        }
    }

    /// A replica vouches for nothing any more: it was killed, or hands over.
    pub fn gives_up(&mut self, id: u16) {
        self.claims.remove(&id);
    }

    /// A proposal was acknowledged, in this state.
    pub fn acked(&mut self, id: u16, now: Duration, seen: Seen) {
        self.acked_entries += 1;
        self.check_state(id, now, seen);
        if seen.index > self.acked.index {
            self.acked = seen;
        }
    }

    /// Something went wrong that the replicas do not know of.
    pub fn note(&mut self, rule: Rule, at: Duration, what: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { rule, at, what });
        }
    }

    /// Who was elected last.
    pub fn leader(&self) -> Option<u16> {
        self.leaders.last_key_value().map(|(_, id)| *id)
    }

    /// Whether every member has applied all that was acknowledged.
    pub fn all_have_what_was_acked(&self) -> bool {
        self.members.iter().all(|id| self.has(*id, self.acked.index))
    }

    /// Whether a replica was seen to have applied this entry.
    pub fn has(&self, id: u16, index: u64) -> bool {
        self.applied.get(&id).is_some_and(|seen| seen.index >= index)
    }

    /// A replica has lost all that it had; returns the last entry that was acknowledged by then.
    pub fn forgets(&mut self, id: u16) -> u64 {
        self.applied.remove(&id);
        self.acked.index
    }

    /// How it stands, in words.
    pub fn standing(&self) -> String {
        let applied: Vec<_> = self.applied.iter().map(|(id, seen)| format!("n{id} {}", seen.index)).collect();
        let (acked, applied, members) = (self.acked.index, applied.join(", "), &self.members);
        format!("acknowledged up to {acked}, applied {applied}, members {members:?}, leaders {:?}", self.leaders)
    }

    /// What two runs of one seed have in common.
    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    fn check_state(&mut self, id: u16, now: Duration, seen: Seen) {
        let (hash, first) = *self.states.entry(seen.index).or_insert((seen.hash, id));
        if hash != seen.hash {
            let what = format!("n{id} and n{first} are in different states after entry {}", seen.index);
            self.note(Rule::SameState, now, what);
        }
    }

    fn check_leader(&mut self, id: u16, now: Duration, status: &Status) {
        let first = *self.leaders.entry(status.term).or_insert_with(|| {
            self.leaderships += 1;
            id
        });
        if first != id {
            self.note(Rule::OneLeader, now, format!("n{first} and n{id} lead in term {}", status.term));
        }
        // What an older leader has missed is no loss.
        let newest = self.leaders.last_key_value().is_some_and(|(term, _)| *term == status.term);
        if newest && status.last_index < Some(self.acked.index) && self.acked.index > 0 {
            let (has, acked) = (status.last_index.unwrap_or(0), self.acked.index);
            let what = format!("n{id} leads in term {} with {has} entries; {acked} were acknowledged", status.term);
            self.note(Rule::Durable, now, what);
        }
        let vouching =
            |(other, claim): &(&u16, &Claim)| **other != id && claim.term < status.term && claim.until > now + TICK;
        if let Some((other, claim)) = self.claims.iter().find(vouching) {
            let (other, term, until) = (*other, claim.term, claim.until);
            let what = format!("n{id} leads in term {}; n{other} vouches for term {term} until {until:?}", status.term);
            self.note(Rule::Alone, now, what);
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:.3} s: {}", self.rule.name(), self.at.as_secs_f64(), self.what)
    }
}
