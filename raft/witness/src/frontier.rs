//! A tree that only grows, kept as the roots of its whole subtrees: one for each bit of its size.

use crate::hash::{self, Hash};

/// What is needed of a tree to append to it and to tell its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of whole subtrees, the largest and leftmost first: as many as `size` has ones.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier with this size and these subtrees; none when their number does not fit the size.
    pub fn resume(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its whole subtrees, the largest first; at most 64.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf by its hash. On average, one node is hashed.
    pub fn push(&mut self, leaf: Hash) {
        let mut top = leaf;
        // Every one at the end of the size is a subtree that the new leaf makes whole.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                top = hash::node(&left, &top);
            }
        }
        self.peaks.push(top);
        // A log that counts to 2^64 has other troubles first; the peaks would no longer fit the size.
        self.size = self.size.checked_add(1).unwrap_or_else(|| unreachable!("2^64 entries"));
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(&smallest) = peaks.next() else { return hash::empty() };
        peaks.fold(smallest, |right, left| hash::node(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_subtrees_that_is_not_the_sizes_is_refused() {
        assert_eq!(Frontier::resume(0, Vec::new()), Some(Frontier::default()));
        for (size, peaks) in [(0, 1), (1, 0), (3, 1), (4, 2), (u64::MAX, 63)] {
            assert_eq!(Frontier::resume(size, vec![[0; 32]; peaks]), None, "{size} with {peaks}");
        }
    }

    #[test]
    fn a_frontier_from_its_parts_goes_on_as_the_one_that_it_was_made_of() {
        let mut whole = Frontier::default();
        for number in 0..200u8 {
            let mut resumed = Frontier::resume(whole.size(), whole.peaks().to_vec()).expect("its own parts");
            whole.push(hash::leaf(&[number]));
            resumed.push(hash::leaf(&[number]));
            assert_eq!(resumed, whole);
        }
    }
}
