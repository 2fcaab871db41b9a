//! A value of several words that one thread replaces and others read whole, with neither waiting for the other.

use crate::sync::{AtomicU64, Ordering, fence};

/// A seqlock without a lock: the version is odd while the words change.
pub(crate) struct Slot<const WORDS: usize> {
    version: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Slot<WORDS> {
    pub(crate) fn new() -> Self {
        Self { version: AtomicU64::new(0), words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Replaces the value. Only one thread may.
    pub(crate) fn write(&self, words: &[u64; WORDS]) {
        // Its own last store: nobody else writes.
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // Pairs with the Acquire fence in `read`: who saw one of the words below also sees the odd version.
        fence(Ordering::Release);
        for (slot, word) in self.words.iter().zip(words) {
            slot.store(*word, Ordering::Relaxed);
        }
        // Pairs with the Acquire load in `read`: who sees this version also sees its words.
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// The value; nothing while it is being replaced.
    pub(crate) fn read(&self) -> Option<[u64; WORDS]> {
        // Pairs with the last store in `write`.
        let before = self.version.load(Ordering::Acquire);
        let words = std::array::from_fn(|word| self.words.get(word).map_or(0, |slot| slot.load(Ordering::Relaxed)));
        // Pairs with the Release fence in `write`.
        fence(Ordering::Acquire);
        let after = self.version.load(Ordering::Relaxed);
        (before == after && before.is_multiple_of(2)).then_some(words)
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    #[test]
    fn loom_no_value_is_torn() {
        loom::model(|| {
            let slot = Arc::new(Slot::<2>::new());
            let written = Arc::clone(&slot);
            let writer = thread::spawn(move || {
                written.write(&[1, 1]);
                written.write(&[2, 2]);
            });
            if let Some([first, second]) = slot.read() {
                assert_eq!(first, second, "half of one value and half of another");
            }
            writer.join().expect("the writer does not panic");
            assert_eq!(slot.read(), Some([2, 2]));
        });
    }
}
