//! What a replica whose disk was replaced asks before it listens to anybody.
//!
//! Its vote and its entries are gone, and others count on them. What it stores counts for a majority as well, and a leader that
//! was cut off may not know yet that another was elected by the very vote that is lost: the two of them would commit once more
//! what the others have committed otherwise. So it asks its peers which terms they know of, as many as leave no majority
//! without one of them (both others of three), and takes nothing from a leader of an older one. It forgets the answers when its
//! process ends, and asks again.

use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

use super::message::Word;
use super::{MEMBERS, Node, slot};

/// Who has not answered is asked again after so long.
const ASK_EVERY: Millis = Millis::new(5);

/// Which terms peers know of.
#[derive(Debug, Default)]
pub(super) struct Newcomer {
    answers: [Option<u64>; 3],
    ask_at: Millis,
}

impl Newcomer {
    /// The newest term that peers know of, once all others have answered.
    fn floor(&self, own: ReplicaId) -> Option<u64> {
        let others = || MEMBERS.iter().filter(|peer| **peer != own).map(|peer| self.answers[slot(*peer)]);
        if others().any(|answer| answer.is_none()) { None } else { others().flatten().max() }
    }
}

impl Node {
    /// When it asks next; none where it need not.
    pub(super) fn ask_at(&self) -> Option<Millis> {
        let asks = !self.disk.is_whole() && self.newcomer.floor(self.id).is_none();
        asks.then_some(self.newcomer.ask_at)
    }

    /// Asks those who have not answered.
    pub(super) fn ask_terms(&mut self, now: Millis) {
        self.newcomer.ask_at = now.saturating_add(ASK_EVERY);
        let silent = |peer: &&ReplicaId| **peer != self.id && self.newcomer.answers[slot(**peer)].is_none();
        self.outbox.extend(MEMBERS.iter().filter(silent).map(|peer| (*peer, Word::AskTerm)));
    }

    /// Who keeps the promises of its last run says nothing yet, nor does who is asking itself: as what ships answers.
    pub(super) fn asked_term(&mut self, from: ReplicaId, now: Millis) {
        if self.disk.is_whole() && now >= self.silent_until {
            self.ballots.push((from, Word::Knows { term: self.term() }));
            self.release();
        }
    }

    /// A peer knows of this term.
    pub(super) fn told_term(&mut self, from: ReplicaId, term: u64) {
        self.newcomer.answers[slot(from)] = Some(term);
    }

    /// Whether it takes nothing from a leader of this term.
    pub(super) fn refuses_leader(&self, term: u64) -> bool {
        !self.disk.is_whole() && self.newcomer.floor(self.id).is_none_or(|floor| term < floor)
    }
}
