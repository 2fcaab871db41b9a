//! Agreement of three replicas on one log: Raft, written down once more for virtual time.
//!
//! openraft runs on an async runtime, on threads of its own and on a real disk, and so does what ships around it; none of
//! that repeats itself from a seed. So the log here is agreed upon by this stand-in, which follows what ships: elections by
//! majority with the up-to-date rule, disjoint windows, followers that neither vote nor stand while their promise to a leader
//! lasts, leaders that act only while a majority has confirmed them lately, votes that are durable before anybody hears of
//! them, a restarted replica that keeps silent for as long as it may have promised, and one whose disk was replaced that asks
//! before it listens (`newcomer`). Everything above the log is the code that ships.

pub mod disk;
mod elections;
mod following;
mod leading;
pub mod message;
mod newcomer;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use ridethrough_core::command::Entry;
use ridethrough_core::control::Standing;
use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

use self::disk::Disk;
use self::message::{Item, Word};
use self::newcomer::Newcomer;
use crate::dice::Dice;

/// How often a leader shows that it is there.
pub const HEARTBEAT: Millis = Millis::new(20);
/// For how long after a majority's word a leader relies on it: the beginning of the earliest window.
pub const LEASE: Millis = Millis::new(150);
/// When replicas stand after silence, by replica: disjoint, as the demo configures them.
const WINDOWS: [(u64, u64); 3] = [(150, 190), (200, 240), (250, 290)];
/// Longer than any promise.
const SILENCE: Millis = Millis::new(290);
/// Entries in one message.
const ITEMS_MAX: usize = 256;

/// The three.
pub const MEMBERS: [ReplicaId; 3] = [ReplicaId(1), ReplicaId(2), ReplicaId(3)];

/// What a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows, or waits.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Was elected in its term.
    Leader,
}

/// How far a peer is, as a leader knows.
#[derive(Clone, Copy, Debug)]
struct Progress {
    next: u64,
    matched: u64,
    /// When the newest message was sent that it has answered, on the leader's clock.
    acked: Option<Millis>,
}

/// An answer that waits for a sync.
#[derive(Clone, Debug)]
struct Pending {
    upto: u64,
    to: ReplicaId,
    word: Word,
}

/// One replica's end of the agreement.
#[derive(Debug)]
pub struct Node {
    id: ReplicaId,
    disk: Disk,
    role: Role,
    votes: BTreeSet<ReplicaId>,
    progress: [Progress; 3],
    commit: u64,
    /// Until when it neither votes nor stands.
    promised_until: Millis,
    stand_at: Millis,
    beat_at: Millis,
    pending: Vec<Pending>,
    /// Words of elections, which wait for term and vote to be durable.
    ballots: Vec<(ReplicaId, Word)>,
    /// Until when it keeps the promises of its last life.
    silent_until: Millis,
    newcomer: Newcomer,
    dice: Dice,
    /// How long a sync takes.
    pub sync_ms: u64,
    /// Whether nothing more can be written.
    pub is_full: bool,
    /// Whether a write has failed: the process ends and says nothing more.
    failed: bool,
    /// Words that go out, and to whom.
    outbox: Vec<(ReplicaId, Word)>,
}

impl Node {
    /// A replica that starts with this disk.
    pub fn start(id: ReplicaId, disk: Disk, dice: Dice, now: Millis) -> Self {
        // It may have promised something in its last life.
        let promised_until = if disk.hard().term == 0 { now } else { now.saturating_add(SILENCE) };
        let blank = Progress { next: 1, matched: 0, acked: None };
        let mut node = Self {
            id,
            disk,
            role: Role::Follower,
            votes: BTreeSet::new(),
            progress: [blank; 3],
            commit: 0,
            promised_until,
            stand_at: now,
            beat_at: now,
            pending: Vec::new(),
            ballots: Vec::new(),
            silent_until: promised_until,
            newcomer: Newcomer::default(),
            dice,
            sync_ms: 1,
            is_full: false,
            failed: false,
            outbox: Vec::new(),
        };
        node.wait(promised_until);
        node
    }

    /// The process ends: what its disk holds.
    pub fn crash(mut self) -> Disk {
        self.disk.crash(&mut self.dice);
        self.disk
    }

    /// Whether a write has failed, after which nothing that it said or says may count.
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    /// A peer was forgotten and added again, with an empty log: what it has said before says nothing any more.
    pub fn forget(&mut self, peer: ReplicaId) {
        self.progress[slot(peer)] = Progress { next: self.disk.last() + 1, matched: 0, acked: None };
    }

    /// What it is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Its term.
    pub const fn term(&self) -> u64 {
        self.disk.hard().term
    }

    /// Up to which index it knows the log to be committed.
    pub const fn commit(&self) -> u64 {
        self.commit
    }

    /// Its disk.
    pub const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// An entry of its log.
    pub fn item(&self, index: u64) -> Option<&Item> {
        self.disk.get(index)
    }

    /// What it says of itself, as openraft's metrics do.
    pub fn standing(&self, applied: u64, now: Millis) -> Standing {
        let confirmed = self.confirmed_until().map_or(Millis::ZERO, |until| until.saturating_sub(now).or_zero());
        Standing {
            term: self.term(),
            leads: self.role == Role::Leader,
            last_index: Some(self.disk.last()),
            applied_index: Some(applied),
            confirmed_for: confirmed,
        }
    }

    /// Appends an entry where this replica leads; its index.
    pub fn propose(&mut self, entry: Arc<Entry>, now: Millis) -> Option<u64> {
        if self.role != Role::Leader || !self.may_write() {
            return None;
        }
        self.append(Some(entry), now);
        self.broadcast(now);
        Some(self.disk.last())
    }

    /// Takes in a peer's word.
    pub fn hear(&mut self, from: ReplicaId, word: Word, now: Millis) {
        if self.failed {
            return;
        }
        match word {
            Word::Ask { term, end } => self.asked(from, term, end, now),
            Word::Vote { term, granted } => self.voted(from, term, granted, now),
            Word::AskTerm => self.asked_term(from, now),
            Word::Knows { term } => self.told_term(from, term),
            Word::Append { term, after, items, commit, sent_at } => {
                self.appended_to(from, term, (after, items, commit), sent_at, now);
            }
            Word::Appended { term, matched, last, sent_at } => self.answered(from, term, (matched, last), sent_at, now),
        }
    }

    /// Does what is due; call it after everything else, too.
    pub fn poll(&mut self, now: Millis) {
        if self.failed {
            return;
        }
        if self.disk.settle(now) {
            self.release();
            self.advance();
        }
        if self.ask_at().is_some_and(|at| now >= at) {
            self.ask_terms(now);
        }
        match self.role {
            Role::Leader if now >= self.beat_at => self.broadcast(now),
            Role::Leader => {}
            _ if now >= self.stand_at => self.stand(now),
            Role::Follower | Role::Candidate => {}
        }
    }

    /// When it must be polled again.
    pub fn due(&self) -> Millis {
        let own = if self.role == Role::Leader { self.beat_at } else { self.stand_at };
        self.disk.next_sync().into_iter().chain(self.ask_at()).fold(own, Millis::min)
    }

    /// What goes out.
    pub fn outgoing(&mut self) -> impl Iterator<Item = (ReplicaId, Word)> + '_ {
        self.outbox.drain(..)
    }

    /// Whether a write can succeed; one that does not is never tried again.
    fn may_write(&mut self) -> bool {
        self.failed |= self.is_full;
        !self.failed
    }

    fn append(&mut self, entry: Option<Arc<Entry>>, now: Millis) {
        if !self.may_write() {
            return;
        }
        let item = Item { term: self.term(), leader: self.id, entry };
        self.disk.push(item, self.synced_at(now));
    }

    fn synced_at(&self, now: Millis) -> Millis {
        now.saturating_add(Millis::new(i64::try_from(self.sync_ms).unwrap_or(i64::MAX)))
    }

    /// Answers go out once what they answer is durable, and their term with it.
    fn release(&mut self) {
        if !self.disk.is_promised() {
            return;
        }
        let synced = self.disk.synced();
        let term = self.term();
        self.outbox.extend(self.ballots.drain(..).filter(|(_, word)| word.term() == Some(term)));
        let (ready, waiting) = self.pending.drain(..).partition(|pending| pending.upto <= synced);
        self.pending = waiting;
        let ready: Vec<Pending> = ready;
        let mine = ready.into_iter().filter(|pending| pending.word.term() == Some(term));
        self.outbox.extend(mine.map(|pending| (pending.to, pending.word)));
    }
}

/// Where a replica stands in a list of all.
pub fn slot(id: ReplicaId) -> usize {
    usize::from(id.0).saturating_sub(1) % MEMBERS.len()
}
