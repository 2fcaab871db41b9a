//! The stand-in by hand: who says what to whom, and which disk is lost when.

use super::message::End;
use super::*;

const A: ReplicaId = MEMBERS[0];
const B: ReplicaId = MEMBERS[1];
const C: ReplicaId = MEMBERS[2];

struct Three {
    nodes: [Node; 3],
    now: Millis,
    /// Whose words do not reach whom.
    cut: Vec<(ReplicaId, ReplicaId)>,
}

impl Three {
    fn new() -> Self {
        let node = |id: ReplicaId| Node::start(id, Disk::empty(false), Dice::new(7, u64::from(id.0)), Millis::ZERO);
        Self { nodes: MEMBERS.map(node), now: Millis::ZERO, cut: Vec::new() }
    }

    /// So many milliseconds pass, each of which everything takes.
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now = self.now.saturating_add(Millis::new(1));
            let mut words = Vec::new();
            for node in &mut self.nodes {
                node.poll(self.now);
                let from = node.id;
                words.extend(node.outgoing().map(|(to, word)| (from, to, word)));
            }
            for (from, to, word) in words {
                if !self.cut.contains(&(from, to)) {
                    self.nodes[slot(to)].hear(from, word, self.now);
                }
            }
        }
    }

    fn isolate(&mut self, from: ReplicaId, to: ReplicaId) {
        self.cut.extend([(from, to), (to, from)]);
    }

    fn lose_disk(&mut self, id: ReplicaId) {
        let (disk, dice) = (Disk::replacement(), Dice::new(8, u64::from(id.0)));
        self.nodes[slot(id)] = Node::start(id, disk, dice, self.now);
        self.nodes.iter_mut().for_each(|node| node.forget(id));
    }

    fn term_of(&self, id: ReplicaId) -> u64 {
        self.nodes[slot(id)].term()
    }

    fn leads(&self, id: ReplicaId) -> bool {
        self.nodes[slot(id)].role() == Role::Leader
    }
}

/// A is cut off, B is elected with C's vote; then C loses its disk, and only A reaches it.
fn vote_is_lost() -> Three {
    let mut three = Three::new();
    three.pass(400);
    assert!(three.leads(A), "the first window is A's");
    three.isolate(A, B);
    three.isolate(A, C);
    three.pass(600);
    assert!(three.leads(B) && three.leads(A), "A does not know yet");
    three.cut.clear();
    three.isolate(A, B);
    three.isolate(B, C);
    three.lose_disk(C);
    three
}

#[test]
fn an_empty_disk_takes_nothing_from_a_leader_that_was_succeeded_by_the_vote_it_has_lost() {
    let mut three = vote_is_lost();
    let (committed, term) = (three.nodes[slot(B)].commit(), three.term_of(B));
    assert!(committed > 0 && three.nodes[slot(B)].item(committed).is_some_and(|item| item.term == term));
    three.pass(300);
    let lost = &three.nodes[slot(C)];
    assert_eq!((lost.disk().last(), lost.term()), (0, 0), "nobody has said yet that A's term is the newest");
    assert!(three.nodes[slot(A)].commit() < committed, "A has no majority without it");
    three.cut.clear();
    three.pass(600);
    let ends: Vec<End> = three.nodes.iter().map(|node| node.disk().end_at(committed)).collect();
    assert_eq!(ends, [End { term, index: committed }; 3], "what B had committed is what everybody has");
    assert!(three.nodes[slot(C)].disk().is_whole(), "and C takes part again");
}

#[test]
fn an_empty_disk_follows_the_leader_once_both_others_have_told_their_terms() {
    let mut three = Three::new();
    three.pass(400);
    three.isolate(B, C);
    three.lose_disk(C);
    three.pass(300);
    assert_eq!(three.nodes[slot(C)].disk().last(), 0, "B has not answered");
    three.cut.clear();
    three.pass(100);
    let (led, lost) = (&three.nodes[slot(A)], &three.nodes[slot(C)]);
    assert_eq!(lost.disk().end(), led.disk().end());
    assert!(lost.disk().is_whole());
}

#[test]
fn nobody_hears_of_a_vote_before_it_is_durable() {
    let mut three = Three::new();
    three.nodes[slot(B)].sync_ms = 30;
    three.nodes[slot(B)].hear(C, Word::Ask { term: 5, end: End::default() }, three.now);
    assert_eq!(three.nodes[slot(B)].outgoing().count(), 0, "its sync is not done");
    let due = three.nodes[slot(B)].due();
    assert_eq!(due, Millis::new(30));
    three.nodes[slot(B)].poll(due);
    let said: Vec<_> = three.nodes[slot(B)].outgoing().collect();
    assert!(matches!(said[..], [(C, Word::Vote { term: 5, granted: true })]), "{said:?}");
}

#[test]
fn a_power_cut_before_its_sync_may_take_a_vote_back_and_after_it_does_not() {
    let vote = disk::Hard { term: 5, vote: Some(B) };
    let after = |now: i64, seed: u64| {
        let mut disk = Disk::empty(false);
        disk.promise(vote, Millis::new(10));
        disk.settle(Millis::new(now));
        disk.crash(&mut Dice::new(seed, 0));
        disk.hard()
    };
    assert!((0..20).all(|seed| after(10, seed) == vote));
    assert!((0..20).any(|seed| after(9, seed) == vote) && (0..20).any(|seed| after(9, seed) != vote));
}
