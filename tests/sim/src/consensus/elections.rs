//! How a leader is elected: terms, votes, and who may not give one.

use std::collections::BTreeSet;

use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

use super::disk::Hard;
use super::message::{End, Word};
use super::{MEMBERS, Node, Progress, Role, WINDOWS, slot};

impl Node {
    pub(super) fn wait(&mut self, from: Millis) {
        let (low, high) = WINDOWS[slot(self.id)];
        let window = i64::try_from(self.dice.between(low, high)).unwrap_or(i64::MAX);
        self.stand_at = from.saturating_add(Millis::new(window));
    }

    pub(super) fn learn(&mut self, term: u64, now: Millis) {
        if term > self.term() && self.may_write() {
            self.disk.promise(Hard { term, vote: None }, self.synced_at(now));
            self.follow();
        }
    }

    pub(super) fn follow(&mut self) {
        self.role = Role::Follower;
        self.votes.clear();
    }

    pub(super) fn stand(&mut self, now: Millis) {
        self.wait(now);
        // Nothing else is done while a vote is being written, as in what ships.
        let is_busy = !self.disk.is_promised();
        if self.promised_until > now || is_busy || !self.disk.is_whole() || !self.may_write() {
            return;
        }
        self.learn(self.term() + 1, now);
        self.vote_for(self.id, now);
        self.role = Role::Candidate;
        self.votes = BTreeSet::from([self.id]);
        let ask = Word::Ask { term: self.term(), end: self.disk.end() };
        let others = MEMBERS.iter().filter(|peer| **peer != self.id);
        self.ballots.extend(others.map(|peer| (*peer, ask.clone())));
        self.release();
    }

    fn vote_for(&mut self, candidate: ReplicaId, now: Millis) {
        let hard = Hard { term: self.term(), vote: Some(candidate) };
        self.disk.promise(hard, self.synced_at(now));
    }

    pub(super) fn asked(&mut self, from: ReplicaId, term: u64, end: End, now: Millis) {
        // While it promises, it does not even take the candidate's term.
        let bound = self.promised_until > now || (self.role == Role::Leader && self.is_confirmed(now));
        if bound || !self.disk.is_whole() || term < self.term() {
            return;
        }
        self.learn(term, now);
        let free = self.disk.hard().vote.is_none_or(|vote| vote == from);
        let able = free && self.role == Role::Follower;
        let granted = able && end >= self.disk.end() && self.may_write();
        if granted {
            self.vote_for(from, now);
            self.wait(now);
        }
        self.ballots.push((from, Word::Vote { term: self.term(), granted }));
        self.release();
    }

    pub(super) fn voted(&mut self, from: ReplicaId, term: u64, granted: bool, now: Millis) {
        self.learn(term, now);
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
}
