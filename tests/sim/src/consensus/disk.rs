//! What a replica's disk holds, and what a crash leaves of it.

use std::collections::VecDeque;

use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;

use super::message::{End, Item};
use crate::dice::Dice;

/// Term and vote: what they promise is durable before anybody hears of it. Who was elected is not kept at all, as it promises
/// nothing beyond the vote; what ships writes it, and does not sync for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hard {
    /// The highest term that was seen.
    pub term: u64,
    /// Whom this replica has voted for in it.
    pub vote: Option<ReplicaId>,
}

/// A log of which the beginning is durable, and the rest on its way.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    hard: Hard,
    /// What of it would be there after a power cut, and when all of it will be; none where it is.
    kept: Hard,
    keeping: Option<Millis>,
    items: Vec<Item>,
    /// Entries that are durable.
    synced: u64,
    /// When how much will be durable, in order.
    syncing: VecDeque<(Millis, u64)>,
    /// Whether syncs are believed before they are done: a disk that lies.
    lies: bool,
    state: State,
}

/// Whether what a disk holds can be relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Whole,
    /// It is damaged, and its checksums tell.
    Rotten,
    /// It was put in place of another, whose promises nobody knows. It is whole again once all is durable up to this index,
    /// where a leader's log ended; none before one was heard.
    Replaced(Option<u64>),
}

impl Disk {
    /// An empty one; one that lies says that a sync is done before it is.
    pub fn empty(lies: bool) -> Self {
        Self { lies, ..Self::default() }
    }

    /// One in place of another that has rotten.
    pub fn replacement() -> Self {
        Self { state: State::Replaced(None), ..Self::default() }
    }

    /// Bits flip in what it holds.
    pub fn rot(&mut self) {
        *self = Self { state: State::Rotten, ..Self::default() };
    }

    /// Whether it is damaged.
    pub fn is_rotten(&self) -> bool {
        self.state == State::Rotten
    }

    /// Whether it holds everything that its replica has ever said to be durable.
    pub fn is_whole(&self) -> bool {
        match self.state {
            State::Whole => true,
            State::Rotten | State::Replaced(None) => false,
            State::Replaced(Some(upto)) => self.synced >= upto,
        }
    }

    /// It holds all of a leader's log, which ends here.
    pub fn has_all(&mut self, upto: u64) {
        if !self.is_whole() {
            self.state = State::Replaced(Some(upto));
        }
    }

    /// Term and vote.
    pub const fn hard(&self) -> Hard {
        self.hard
    }

    /// Changes them; they are durable at `at` or, if syncs before it take longer, with them.
    pub fn promise(&mut self, hard: Hard, at: Millis) {
        if hard == self.hard {
            return;
        }
        self.hard = hard;
        self.keeping = Some(self.after_syncs(at));
    }

    /// Whether term and vote are durable, or said to be.
    pub const fn is_promised(&self) -> bool {
        self.keeping.is_none() || self.lies
    }

    /// Where the log ends.
    pub fn end(&self) -> End {
        self.end_at(self.last())
    }

    /// The last index.
    pub fn last(&self) -> u64 {
        self.items.len() as u64
    }

    /// What ends at this index.
    pub fn end_at(&self, index: u64) -> End {
        End { term: self.get(index).map_or(0, |item| item.term), index }
    }

    /// The entry with this index.
    pub fn get(&self, index: u64) -> Option<&Item> {
        self.items.get(usize::try_from(index.checked_sub(1)?).ok()?)
    }

    /// Entries after this index, so many at most.
    pub fn after(&self, index: u64, at_most: usize) -> Vec<Item> {
        let from = usize::try_from(index).unwrap_or(usize::MAX);
        self.items.iter().skip(from).take(at_most).cloned().collect()
    }

    /// Entries that are durable.
    pub const fn synced(&self) -> u64 {
        self.synced
    }

    /// Entries that would be there after a power cut, whatever was said of them.
    pub fn durable(&self) -> u64 {
        let first_unsynced = self.syncing.front().map_or(self.last(), |(_, upto)| upto.saturating_sub(1));
        if self.lies { first_unsynced.min(self.last()) } else { self.synced }
    }

    /// Appends one; it is durable at `at` or, if syncs before it take longer, with them.
    pub fn push(&mut self, item: Item, at: Millis) {
        let at = self.after_syncs(at);
        self.items.push(item);
        let last = self.last();
        self.syncing.push_back((at, last));
        if self.lies {
            self.synced = last;
        }
    }

    /// Drops everything after this index; what was dropped is forgotten durably by the sync of what comes next.
    pub fn truncate(&mut self, index: u64) {
        self.items.truncate(usize::try_from(index).unwrap_or(usize::MAX));
        self.synced = self.synced.min(index);
        for (_, upto) in &mut self.syncing {
            *upto = (*upto).min(index);
        }
    }

    /// One sync comes after the other.
    fn after_syncs(&self, at: Millis) -> Millis {
        let entries = self.syncing.back().map_or(at, |(before, _)| at.max(*before));
        self.keeping.map_or(entries, |before| entries.max(before))
    }

    /// Time passes: syncs end. Says whether any did.
    pub fn settle(&mut self, now: Millis) -> bool {
        let before = self.synced;
        let kept = self.keeping.is_some_and(|at| at <= now);
        if kept {
            (self.kept, self.keeping) = (self.hard, None);
        }
        while let Some(&(_, upto)) = self.syncing.front().filter(|(at, _)| *at <= now) {
            self.synced = self.synced.max(upto);
            self.syncing.pop_front();
        }
        kept || self.synced > before
    }

    /// When the next sync ends.
    pub fn next_sync(&self) -> Option<Millis> {
        self.syncing.front().map(|(at, _)| *at).into_iter().chain(self.keeping).min()
    }

    /// The power goes: of what was not durable yet, some may have been stored.
    pub fn crash(&mut self, dice: &mut Dice) {
        let durable = self.durable();
        let kept = durable + dice.below(self.last() - durable + 1);
        self.items.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        self.syncing.clear();
        if self.keeping.take().is_some() && dice.chance(500) {
            self.hard = self.kept;
        }
        self.kept = self.hard;
        // It is read and made durable again before anybody hears of it.
        self.synced = self.last();
    }
}
