//! The newest value of each of many sources: what nobody has taken is replaced, so that nothing queues.

use crate::slot::Slot;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

const BITS: usize = 64;

/// A slot for every source, and a bit that says whether it holds something that nobody has taken.
pub(crate) struct Latest<const WORDS: usize> {
    slots: Box<[Slot<WORDS>]>,
    fresh: Box<[AtomicU64]>,
    /// The source to look at first, so that a source that speaks all the time cannot hide the others.
    next: AtomicUsize,
}

impl<const WORDS: usize> Latest<WORDS> {
    pub(crate) fn new(sources: usize) -> Self {
        Self {
            slots: (0..sources).map(|_| Slot::new()).collect(),
            fresh: (0..sources.div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// Replaces the value of a source; true when nobody had taken the one before. Only one thread may.
    pub(crate) fn put(&self, source: usize, words: &[u64; WORDS]) -> bool {
        let (Some(slot), Some(fresh)) = (self.slots.get(source), self.fresh.get(source / BITS)) else { return false };
        slot.write(words);
        let bit = 1 << (source % BITS);
        // Pairs with the Acquire in `claim`: who takes the bit sees the value.
        fresh.fetch_or(bit, Ordering::Release) & bit != 0
    }

    /// A source that has said something since it was last taken, and the newest that it said.
    pub(crate) fn take(&self) -> Option<(usize, [u64; WORDS])> {
        loop {
            let source = self.claim()?;
            // A value that is being replaced just now will be told as soon as it is whole: its bit is set after it.
            if let Some(words) = self.slots.get(source).and_then(Slot::read) {
                return Some((source, words));
            }
        }
    }

    fn claim(&self) -> Option<usize> {
        // Only a hint where to begin; whatever it says, every bit is looked at.
        let first = self.next.load(Ordering::Relaxed) % self.slots.len().max(1);
        let from_there_on = u64::MAX << (first % BITS);
        let words = self.fresh.len();
        let rest = (1..=words).map(|step| ((first / BITS + step) % words, u64::MAX));
        let mut places = std::iter::once((first / BITS, from_there_on)).chain(rest);
        let source = places.find_map(|(word, bits)| self.claim_in(word, bits))?;
        self.next.store(source + 1, Ordering::Relaxed);
        Some(source)
    }

    /// The lowest of these bits of a word that is set, and no longer is then. Of several takers one gets it.
    fn claim_in(&self, word: usize, among: u64) -> Option<usize> {
        let fresh = self.fresh.get(word)?;
        loop {
            let bits = fresh.load(Ordering::Relaxed) & among;
            if bits == 0 {
                return None;
            }
            let lowest = bits.trailing_zeros();
            // Pairs with the Release in `put`.
            if fresh.fetch_and(!(1 << lowest), Ordering::Acquire) & (1 << lowest) != 0 {
                return Some(word * BITS + lowest as usize);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_the_newest_is_told_and_once() {
        let latest = Latest::<1>::new(3);
        assert!(!latest.put(2, &[7]));
        assert!(latest.put(2, &[8]), "nobody had taken the first");
        assert_eq!((latest.take(), latest.take()), (Some((2, [8])), None));
        assert!(!latest.put(3, &[9]), "there is no such source");
        assert_eq!(latest.take(), None);
    }

    #[test]
    fn one_that_speaks_all_the_time_does_not_hide_the_others() {
        let latest = Latest::<1>::new(200);
        (0..200).for_each(|source| assert!(!latest.put(source, &[1])));
        let mut heard = BTreeSet::new();
        for _ in 0..400 {
            latest.put(0, &[2]);
            heard.extend(latest.take().map(|(source, _)| source));
        }
        assert_eq!(heard.len(), 200);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// Takes all there is; the values of a source never go back and are never torn.
    fn take_all(latest: &Latest<2>, newest: &mut u64) {
        while let Some((source, [first, second])) = latest.take() {
            assert_eq!((source, first), (0, second), "half of one value and half of another");
            assert!(first >= *newest && first > 0, "{first} after {newest}");
            *newest = first;
        }
    }

    #[test]
    fn loom_the_newest_value_is_never_lost() {
        loom::model(|| {
            let latest = Arc::new(Latest::<2>::new(1));
            let written = Arc::clone(&latest);
            let writer = thread::spawn(move || {
                written.put(0, &[1, 1]);
                written.put(0, &[2, 2]);
            });
            let mut newest = 0;
            take_all(&latest, &mut newest);
            writer.join().expect("the writer does not panic");
            take_all(&latest, &mut newest);
            assert_eq!(newest, 2, "the last value was told");
        });
    }
}
