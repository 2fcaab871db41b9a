//! What a leader sends, and what it makes of the answers.

use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

use super::message::Word;
use super::{HEARTBEAT, ITEMS_MAX, LEASE, MEMBERS, Node, Role, slot};

impl Node {
    pub(super) fn broadcast(&mut self, now: Millis) {
        self.beat_at = now.saturating_add(HEARTBEAT);
        for peer in MEMBERS.iter().filter(|peer| **peer != self.id) {
            let progress = &mut self.progress[slot(*peer)];
            let after = self.disk.end_at(progress.next - 1);
            let items = self.disk.after(after.index, ITEMS_MAX);
            // What is on its way is not sent twice; if it is lost, the next heartbeat follows nothing that is there.
            progress.next += items.len() as u64;
            let word = Word::Append { term: self.disk.hard().term, after, items, commit: self.commit, sent_at: now };
            self.outbox.push((*peer, word));
        }
    }

    pub(super) fn answered(
        &mut self,
        from: ReplicaId,
        term: u64,
        (matched, last): (Option<u64>, u64),
        sent_at: Millis,
        now: Millis,
    ) {
        self.learn(term, now);
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
    pub(super) fn advance(&mut self) {
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

    pub(super) fn confirmed_until(&self) -> Option<Millis> {
        let newest =
            MEMBERS.iter().filter(|peer| **peer != self.id).filter_map(|peer| self.progress[slot(*peer)].acked);
        let leads = self.role == Role::Leader;
        newest.max().filter(|_| leads).map(|acked| acked.saturating_add(LEASE))
    }

    pub(super) fn is_confirmed(&self, now: Millis) -> bool {
        self.confirmed_until().is_some_and(|until| until > now)
    }
}
