//! Where the entries in force lie: one slot per entry that is neither truncated nor purged.

use std::collections::VecDeque;

/// Most entries that may wait to be purged. A slot takes 24 bytes, so the index stays below 200 MiB.
pub const ENTRIES_MAX: usize = 8 << 20;

/// Maps entry indexes to places in segments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    purged: Option<u64>,
    slots: VecDeque<Slot>,
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) sequence: u64,
    pub(crate) segment: u64,
    /// Where the record begins in the segment; 0 (there lies the header) until it is written.
    pub(crate) offset: u32,
    pub(crate) payload_bytes: u32,
}

impl Slot {
    pub(crate) fn is_written(&self) -> bool {
        self.offset != 0
    }
}

impl Index {
    pub(crate) fn purged(&self) -> Option<u64> {
        self.purged
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The first entry that can be read, or that will be when it has been appended.
    pub(crate) fn first(&self) -> u64 {
        self.purged.map_or(0, |purged| purged.saturating_add(1))
    }

    pub(crate) fn last(&self) -> Option<u64> {
        if self.slots.is_empty() { None } else { Some(self.next() - 1) }
    }

    /// The index that the next entry must have.
    pub(crate) fn next(&self) -> u64 {
        self.first().saturating_add(self.slots.len() as u64)
    }

    pub(crate) fn push(&mut self, slot: Slot) {
        self.slots.push_back(slot);
        assert!(self.slots.len() <= ENTRIES_MAX, "appends over the limit are refused before they are queued");
    }

    /// Drops every entry after `index`; says how many.
    pub(crate) fn truncate_after(&mut self, index: Option<u64>) -> usize {
        let kept = index.map_or(0, |index| index.saturating_add(1)).saturating_sub(self.first());
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        let dropped = self.slots.len().saturating_sub(kept);
        self.slots.truncate(kept);
        dropped
    }

    /// Forgets every entry up to `index`, which may lie beyond the last.
    pub(crate) fn purge_to(&mut self, index: u64) {
        if self.purged.is_some_and(|purged| purged >= index) {
            return;
        }
        let dropped = usize::try_from((index - self.first()).saturating_add(1)).unwrap_or(usize::MAX);
        self.slots.drain(..dropped.min(self.slots.len()));
        self.purged = Some(index);
    }

    pub(crate) fn get(&self, index: u64) -> Option<&Slot> {
        self.slots.get(self.position(index)?)
    }

    /// The slot at the given distance from the first.
    pub(crate) fn nth(&self, position: usize) -> Option<&Slot> {
        self.slots.get(position)
    }

    /// Notes where an entry was written, unless it has been truncated or purged meanwhile.
    pub(crate) fn place(&mut self, index: u64, sequence: u64, segment: u64, offset: u32) {
        let Some(slot) = self.position(index).and_then(|position| self.slots.get_mut(position)) else { return };
        // A truncated index may have been appended anew; the sequence number tells the two apart.
        if slot.sequence == sequence {
            slot.segment = segment;
            slot.offset = offset;
        }
    }

    fn position(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.first())?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Slot = Slot { sequence: 1, segment: 1, offset: 40, payload_bytes: 0 };

    fn check(steps: &str, first: u64, last: Option<u64>) {
        let mut index = Index::default();
        for step in steps.split_whitespace() {
            let (what, number) = step.split_at(1);
            let number = number.parse::<u64>().ok();
            match (what, number) {
                ("+", Some(count)) => (0..count).for_each(|_| index.push(SLOT)),
                ("t", kept) => drop(index.truncate_after(kept)),
                ("p", Some(to)) => index.purge_to(to),
                _ => panic!("unknown step {step}"),
            }
        }
        assert_eq!((index.first(), index.last()), (first, last), "after {steps}");
    }

    #[test]
    fn bounds_follow_every_operation() {
        check("", 0, None);
        check("+3", 0, Some(2));
        check("+3 t0", 0, Some(0));
        check("+3 t", 0, None);
        check("+3 p1", 2, Some(2));
        check("+3 p2", 3, None);
        check("+3 p9", 10, None);
        check("+3 p9 +1", 10, Some(10));
        check("+3 p1 p0", 2, Some(2));
        check("+5 p1 t2 +1", 2, Some(3));
        check("+5 p1 t", 2, None);
        check("+3 t7", 0, Some(2));
    }
}
