//! Agreement of three replicas on one log: Raft, written down once more for virtual time.
//!
//! openraft runs on an async runtime, on threads of its own and on a real disk, and so does what ships around it; none of
//! that repeats itself from a seed. So the log here is agreed upon by this stand-in, which follows what ships: elections by
//! majority with the up-to-date rule, disjoint windows, followers that neither vote nor stand while their promise to a leader
//! lasts, leaders that act only while a majority has confirmed them lately, and a restarted replica that keeps silent for as
//! long as it may have promised. Everything above the log is the code that ships.

pub mod disk;
pub mod message;

use std::collections::BTreeSet;

use ridethrough_core::command::Entry;
use ridethrough_core::control::Standing;
use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

use self::disk::Disk;
use self::message::{End, Item, Word};
use crate::dice::Dice;
use std::sync::Arc;

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
        let promised_until = if disk.hard.term == 0 { now } else { now.saturating_add(SILENCE) };
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
        self.disk.hard.term
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
        self.disk.next_sync().map_or(own, |sync| sync.min(own))
    }

    /// What goes out.
    pub fn outgoing(&mut self) -> impl Iterator<Item = (ReplicaId, Word)> + '_ {
        self.outbox.drain(..)
    }

    fn wait(&mut self, from: Millis) {
        let (low, high) = WINDOWS[slot(self.id)];
        let window = i64::try_from(self.dice.between(low, high)).unwrap_or(i64::MAX);
        self.stand_at = from.saturating_add(Millis::new(window));
    }

    /// Whether a write can succeed; one that does not is never tried again.
    fn may_write(&mut self) -> bool {
        self.failed |= self.is_full;
        !self.failed
    }

    fn learn(&mut self, term: u64) {
        if term > self.disk.hard.term && self.may_write() {
            self.disk.hard = disk::Hard { term, vote: None };
            self.follow();
        }
    }

    fn follow(&mut self) {
        self.role = Role::Follower;
        self.votes.clear();
    }

    fn stand(&mut self, now: Millis) {
        self.wait(now);
        if self.promised_until > now || !self.disk.is_whole() || !self.may_write() {
            return;
        }
        self.learn(self.term() + 1);
        self.disk.hard.vote = Some(self.id);
        self.role = Role::Candidate;
        self.votes = BTreeSet::from([self.id]);
        let ask = Word::Ask { term: self.term(), end: self.disk.end() };
        let others = MEMBERS.iter().filter(|peer| **peer != self.id);
        self.outbox.extend(others.map(|peer| (*peer, ask.clone())));
    }

    fn asked(&mut self, from: ReplicaId, term: u64, end: End, now: Millis) {
        // While it promises, it does not even take the candidate's term.
        let bound = self.promised_until > now || (self.role == Role::Leader && self.is_confirmed(now));
        if !bound && term >= self.term() {
            self.learn(term);
            let free = self.disk.hard.vote.is_none_or(|vote| vote == from);
            let able = free && self.role == Role::Follower && self.disk.is_whole();
            let granted = able && end >= self.disk.end() && self.may_write();
            if granted {
                self.disk.hard.vote = Some(from);
                self.wait(now);
            }
            self.outbox.push((from, Word::Vote { term: self.term(), granted }));
        }
    }

    fn voted(&mut self, from: ReplicaId, term: u64, granted: bool, now: Millis) {
        self.learn(term);
        if self.role != Role::Candidate || term != self.term() || !granted {
            return;
        }
        self.votes.insert(from);
        if self.votes.len() > MEMBERS.len() / 2 {
            self.role = Role::Leader;
            self.progress = [Progress { next: self.disk.last() + 1, matched: 0, acked: None }; 3];
            self.append(None, now);
            self.broadcast(now);
        }
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

    fn broadcast(&mut self, now: Millis) {
        self.beat_at = now.saturating_add(HEARTBEAT);
        for peer in MEMBERS.iter().filter(|peer| **peer != self.id) {
            let progress = &mut self.progress[slot(*peer)];
            let after = self.disk.end_at(progress.next - 1);
            let items = self.disk.after(after.index, ITEMS_MAX);
            // What is on its way is not sent twice; if it is lost, the next heartbeat follows nothing that is there.
            progress.next += items.len() as u64;
            let word = Word::Append { term: self.disk.hard.term, after, items, commit: self.commit, sent_at: now };
            self.outbox.push((*peer, word));
        }
    }

    fn appended_to(
        &mut self,
        from: ReplicaId,
        term: u64,
        (after, items, commit): (End, Vec<Item>, u64),
        sent_at: Millis,
        now: Millis,
    ) {
        if term < self.term() {
            let stale = Word::Appended { term: self.term(), matched: None, last: self.disk.last(), sent_at };
            self.outbox.push((from, stale));
            return;
        }
        self.learn(term);
        self.follow();
        let (low, _) = WINDOWS[slot(self.id)];
        self.promised_until = now.saturating_add(Millis::new(i64::try_from(low).unwrap_or(i64::MAX)));
        self.wait(now);
        if self.disk.end_at(after.index) != after {
            // What it was asked to go on from is not there, or is not the leader's: one further back may be.
            let last = self.disk.last().min(after.index.saturating_sub(1));
            let behind = Word::Appended { term, matched: None, last, sent_at };
            self.outbox.push((from, behind));
            return;
        }
        let (upto, are_all) = (after.index + items.len() as u64, items.len() < ITEMS_MAX);
        self.take(after.index, items, now);
        if are_all {
            self.disk.has_all(upto);
        }
        self.commit = self.commit.max(commit.min(upto));
        let word = Word::Appended { term, matched: Some(upto), last: self.disk.last(), sent_at };
        self.pending.push(Pending { upto, to: from, word });
        self.release();
    }

    /// Entries that follow this index: those that are there already stay, so that an older message takes nothing back.
    fn take(&mut self, after: u64, items: Vec<Item>, now: Millis) {
        let at = self.synced_at(now);
        for (index, item) in (after + 1..).zip(items) {
            let known = self.disk.get(index).map(|known| known.term);
            if known == Some(item.term) {
                continue;
            }
            if !self.may_write() {
                return;
            }
            if known.is_some() {
                assert!(index > self.commit, "I5: entry {index} is committed and another leader replaces it");
                self.disk.truncate(index - 1);
                self.pending.retain(|pending| pending.upto < index);
            }
            self.disk.push(item, at);
        }
    }

    /// Answers go out once what they answer is durable.
    fn release(&mut self) {
        let synced = self.disk.synced();
        let term = self.term();
        let (ready, waiting) = self.pending.drain(..).partition(|pending| pending.upto <= synced);
        self.pending = waiting;
        let ready: Vec<Pending> = ready;
        let mine =
            ready.into_iter().filter(|pending| matches!(pending.word, Word::Appended { term: of, .. } if of == term));
        self.outbox.extend(mine.map(|pending| (pending.to, pending.word)));
    }

    fn answered(
        &mut self,
        from: ReplicaId,
        term: u64,
        (matched, last): (Option<u64>, u64),
        sent_at: Millis,
        now: Millis,
    ) {
        self.learn(term);
        if self.role != Role::Leader || term != self.term() {
            return;
        }
        let progress = &mut self.progress[slot(from)];
        progress.acked = progress.acked.max(Some(sent_at));
        if let Some(upto) = matched {
            progress.matched = progress.matched.max(upto);
            progress.next = progress.next.max(upto + 1);
        } else {
            progress.next = progress.next.min(last + 1).max(progress.matched + 1);
            self.beat_at = now;
        }
        self.advance();
    }

    /// What a majority holds durably is committed, once an entry of the leader's own term is.
    fn advance(&mut self) {
        if self.role != Role::Leader {
            return;
        }
        let mut held =
            MEMBERS.map(|peer| if peer == self.id { self.disk.synced() } else { self.progress[slot(peer)].matched });
        held.sort_unstable();
        let majority = held[1];
        if majority > self.commit && self.disk.end_at(majority).term == self.term() {
            self.commit = majority;
        }
    }

    fn confirmed_until(&self) -> Option<Millis> {
        let newest =
            MEMBERS.iter().filter(|peer| **peer != self.id).filter_map(|peer| self.progress[slot(*peer)].acked);
        let leads = self.role == Role::Leader;
        newest.max().filter(|_| leads).map(|acked| acked.saturating_add(LEASE))
    }

    fn is_confirmed(&self, now: Millis) -> bool {
        self.confirmed_until().is_some_and(|until| until > now)
    }
}

/// Where a replica stands in a list of all.
pub fn slot(id: ReplicaId) -> usize {
    usize::from(id.0).saturating_sub(1) % MEMBERS.len()
}
