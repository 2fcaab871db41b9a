//! How a follower takes what its leader sends.

use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

use super::message::{End, Item, Word};
use super::{ITEMS_MAX, Node, Pending, WINDOWS, slot};

impl Node {
    pub(super) fn appended_to(
        &mut self,
        from: ReplicaId,
        term: u64,
        (after, items, commit): (End, Vec<Item>, u64),
        sent_at: Millis,
        now: Millis,
    ) {
        if self.refuses_leader(term) {
            return;
        }
        if term < self.term() {
            let stale = Word::Appended { term: self.term(), matched: None, last: self.disk.last(), sent_at };
            self.outbox.push((from, stale));
            return;
        }
        self.learn(term, now);
        self.follow();
        let (low, _) = WINDOWS[slot(self.id)];
        self.promised_until = now.saturating_add(Millis::new(i64::try_from(low).unwrap_or(i64::MAX)));
        self.wait(now);
        if self.disk.end_at(after.index) != after {
            // What it was asked to go on from is not there, or is not the leader's: one further back may be.
            let last = self.disk.last().min(after.index.saturating_sub(1));
            let behind = Word::Appended { term, matched: None, last, sent_at };
            self.pending.push(Pending { upto: 0, to: from, word: behind });
            self.release();
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
}
