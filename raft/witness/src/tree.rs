//! Roots and proofs over the hashes of all leaves, and the verification of proofs without them.

use crate::hash::{self, Hash};

/// The root of the tree with these leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash::empty(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash::node(&root(left), &root(right))
        }
    }
}

/// The hashes that, with the leaf's own, give the root: from the leaf's sibling up. None when there is no such leaf.
pub fn inclusion(index: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    let mut proof = Vec::new();
    let (mut index, mut leaves) = (index, leaves);
    if index >= leaves.len() {
        return None;
    }
    while leaves.len() > 1 {
        let middle = split(leaves.len());
        let (left, right) = leaves.split_at(middle);
        if index < middle {
            proof.push(root(right));
            leaves = left;
        } else {
            proof.push(root(left));
            (leaves, index) = (right, index - middle);
        }
    }
    proof.reverse();
    Some(proof)
}

/// The hashes that show that the tree of the first `before` leaves is the beginning of the tree of all. None when
/// there are not so many, or `before` is 0, of which nothing is to be shown.
pub fn consistency(before: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    if before == 0 || before > leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    let (mut before, mut leaves, mut known) = (before, leaves, true);
    while before < leaves.len() {
        let middle = split(leaves.len());
        let (left, right) = leaves.split_at(middle);
        if before <= middle {
            proof.push(root(right));
            leaves = left;
        } else {
            proof.push(root(left));
            (leaves, before, known) = (right, before - middle, false);
        }
    }
    // The earlier root itself is known to whoever verifies.
    if !known {
        proof.push(root(leaves));
    }
    proof.reverse();
    Some(proof)
}

/// Whether these hashes show that the leaf is the one with this index in the tree with this size and root.
pub fn includes(leaf: &Hash, index: u64, size: u64, proof: &[Hash], expected: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut found) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            found = hash::node(step, &found);
            // A node without a sibling to its right moves up until it is itself to the right of one.
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            found = hash::node(&found, step);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && found == *expected
}

/// A tree by its size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Whether these hashes show that the tree `after` begins with the tree `before`.
pub fn extends(before: Head, after: Head, proof: &[Hash]) -> bool {
    if before.size == 0 || before.size >= after.size {
        let same = before == after || before == Head { size: 0, root: hash::empty() };
        return same && before.size <= after.size && proof.is_empty();
    }
    // A whole tree of a power of two is a node of the later one: its root opens the proof.
    let own = [before.root];
    let (first, rest) = match (before.size.is_power_of_two(), proof) {
        (true, _) => (&own[0], proof),
        (false, [first, rest @ ..]) => (first, rest),
        (false, []) => return false,
    };
    let (mut node, mut last) = (before.size - 1, after.size - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut old, mut new) = (*first, *first);
    for step in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            (old, new) = (hash::node(step, &old), hash::node(step, &new));
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new = hash::node(&new, step);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old == before.root && new == after.root
}

/// The largest power of two below a length of two or more.
fn split(length: usize) -> usize {
    1 << (usize::BITS - 1 - (length - 1).leading_zeros())
}

#[cfg(test)]
mod tests;
