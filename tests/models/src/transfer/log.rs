//! The replicated log, small enough to be copied into every state.

/// No log of the model grows longer; [`Bounds`](super::Bounds) are checked against it.
pub const LOG_MAX: usize = 8;

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Binds the log to its site. Index 1, committed before the model begins.
    Found,
    /// Nothing: a new leader's first entry, by which it commits what it found in its log.
    Blank,
    /// Grants the transfer, or renews it.
    Grant,
    /// Ends the transfer.
    Release,
}

impl Act {
    /// Whether what it does depends on when it was stamped.
    const fn is_timed(self) -> bool {
        matches!(self, Self::Grant | Self::Release)
    }
}

/// The age of an entry so old that nothing depends on its age.
pub const GONE: u8 = u8::MAX;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Of the leader that appended it.
    pub term: u8,
    /// What it does.
    pub act: Act,
    /// Ticks since it was stamped; [`GONE`] once nothing depends on it any longer.
    pub age: u8,
}

impl Entry {
    const NONE: Self = Self { term: 0, act: Act::Blank, age: 0 };

    /// An entry stamped now.
    pub const fn new(term: u8, act: Act) -> Self {
        Self { term, act, age: 0 }
    }
}

/// Entries with the indices 1, 2, 3 …
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log {
    len: u8,
    entries: [Entry; LOG_MAX],
}

impl Log {
    /// A log that has been founded in term 1.
    pub fn founded() -> Self {
        let mut log = Self { len: 0, entries: [Entry::NONE; LOG_MAX] };
        log.push(Entry::new(1, Act::Found));
        log
    }

    /// Index of the last entry.
    pub const fn last_index(&self) -> u8 {
        self.len
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries[..usize::from(self.len)]
    }

    /// The entry with this index.
    pub fn entry(&self, index: u8) -> Option<&Entry> {
        self.entries().get(usize::from(index).checked_sub(1)?)
    }

    /// Term of the entry with this index; 0 where there is none.
    pub fn term_at(&self, index: u8) -> u8 {
        self.entry(index).map_or(0, |entry| entry.term)
    }

    /// Appends an entry.
    pub fn push(&mut self, entry: Entry) {
        self.entries[usize::from(self.len)] = entry;
        self.len += 1;
    }

    /// Its entries up to this index.
    pub fn up_to(&self, index: u8) -> Self {
        let mut log = *self;
        for entry in &mut log.entries[usize::from(index)..] {
            *entry = Entry::NONE;
        }
        log.len = log.len.min(index);
        log
    }

    /// Raft's comparison: whether a voter with the other log may vote for a candidate with this one.
    pub fn is_up_to_date(&self, other: &Self) -> bool {
        let last = |log: &Self| (log.term_at(log.len), log.len);
        last(self) >= last(other)
    }

    /// Whether the other log begins with this one.
    pub fn begins(&self, other: &Self) -> bool {
        let what = |log: &Self| log.entries().iter().map(|entry| (entry.term, entry.act)).collect::<Vec<_>>();
        what(other).starts_with(&what(self))
    }

    /// Grants and releases in it.
    pub fn acts(&self) -> usize {
        self.entries().iter().filter(|entry| entry.act.is_timed()).count()
    }

    /// A tick passes, where orders hold for so many. An entry whose orders have expired counts as gone, unless they had
    /// not when a later entry was stamped that is not gone: then that one may go on from it.
    pub fn age(&mut self, hold: u8) {
        let len = usize::from(self.len);
        let mut needed_below = hold;
        for entry in self.entries[..len].iter_mut().rev().filter(|entry| entry.act.is_timed() && entry.age != GONE) {
            entry.age += 1;
            if entry.age < needed_below {
                needed_below = entry.age + hold;
            } else {
                entry.age = GONE;
            }
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = self.entries().iter().map(|entry| format!("{:?}@{}+{}", entry.act, entry.term, entry.age));
        f.debug_list().entries(entries).finish()
    }
}
