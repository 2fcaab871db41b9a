use proptest::prelude::*;

use super::*;
use crate::frontier::Frontier;

/// The leaves that implementations of Certificate Transparency test with, and the roots that they publish for the first
/// one, two, … of them.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64).map(|number| hash::leaf(&number.to_be_bytes())).collect()
}

fn head(leaves: &[Hash]) -> Head {
    Head { size: leaves.len() as u64, root: root(leaves) }
}

#[test]
fn roots_are_those_that_are_published() {
    let leaves: Vec<Hash> = LEAVES.iter().map(|digits| hash::leaf(&unhex(digits))).collect();
    let mut frontier = Frontier::default();
    assert_eq!(frontier.root().to_vec(), unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    for (count, expected) in (1..).zip(ROOTS) {
        frontier.push(leaves[count - 1]);
        assert_eq!(root(&leaves[..count]).to_vec(), unhex(expected), "{count} leaves");
        assert_eq!((frontier.root().to_vec(), frontier.size()), (unhex(expected), count as u64));
    }
}

/// Another implementation's trees, with another's proofs, judged by ours and the other way round.
#[test]
fn another_implementation_agrees() {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    let mut judge = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    let (mut own, mut sizes): (Vec<Hash>, Vec<Head>) = (Vec::new(), Vec::new());
    for number in 0..70u64 {
        judge.push(number.to_be_bytes().to_vec());
        own.push(hash::leaf(&number.to_be_bytes()));
        sizes.push(head(&own));
        assert_eq!(judge.root().as_bytes().as_slice(), root(&own));
        for index in 0..own.len() {
            let proof: Vec<u8> = inclusion(index, &own).expect("there").concat();
            assert_eq!(judge.prove_inclusion(index).as_bytes(), proof, "leaf {index} of {}", own.len());
        }
        for before in 1..own.len() {
            let proof: Vec<u8> = consistency(before, &own).expect("there").concat();
            assert_eq!(judge.prove_consistency(own.len() - before).as_bytes(), proof, "{before} of {}", own.len());
        }
    }
}

#[test]
fn every_leaf_of_small_trees_is_proved_and_nothing_else_is() {
    for count in 1..=66 {
        let leaves = leaves(count);
        let head = head(&leaves);
        for index in 0..count {
            let proof = inclusion(index, &leaves).expect("there");
            let at = index as u64;
            assert!(includes(&leaves[index], at, head.size, &proof, &head.root), "{index} of {count}");
            let other = (index + 1) % count;
            assert!(other == index || !includes(&leaves[other], at, head.size, &proof, &head.root));
            assert!(other == index || !includes(&leaves[index], other as u64, head.size, &proof, &head.root));
            let longer = [proof.as_slice(), &[head.root]].concat();
            assert!(!includes(&leaves[index], at, head.size, &longer, &head.root));
            assert!(proof.is_empty() || !includes(&leaves[index], at, head.size, &proof[1..], &head.root));
        }
        assert_eq!(inclusion(count, &leaves), None);
        assert!(!includes(&leaves[0], head.size, head.size, &[], &head.root));
    }
    assert!(!includes(&hash::empty(), 0, 0, &[], &hash::empty()));
}

#[test]
fn every_beginning_of_small_trees_is_proved_and_nothing_else_is() {
    for count in 1..=66 {
        let leaves = leaves(count);
        let after = head(&leaves);
        for before in 1..=count {
            let (proof, before) = (consistency(before, &leaves).expect("there"), head(&leaves[..before]));
            assert!(extends(before, after, &proof), "{before:?} of {count}");
            let forked = Head { root: hash::node(&before.root, &before.root), ..before };
            assert!(!extends(forked, after, &proof), "a fork at {} of {count}", before.size);
            assert!(!extends(before, Head { root: before.root, size: after.size + 1 }, &proof));
            let longer = [proof.as_slice(), &[after.root]].concat();
            assert!(!extends(before, after, &longer));
            assert!(proof.is_empty() || !extends(before, after, &proof[1..]));
        }
        assert!(extends(Head { size: 0, root: hash::empty() }, after, &[]));
        assert!(!extends(after, Head { size: 0, root: hash::empty() }, &[]));
        assert!(consistency(0, &leaves).is_none() && consistency(count + 1, &leaves).is_none());
    }
}

proptest! {
    #[test]
    fn proofs_of_larger_trees_hold_until_a_bit_changes(
        count in 1usize..3_000, at: prop::sample::Index, from: prop::sample::Index, bit: prop::sample::Index,
    ) {
        let leaves = leaves(count);
        let after = head(&leaves);
        let (index, before) = (at.index(count), from.index(count) + 1);
        let mut proof = inclusion(index, &leaves).expect("there");
        prop_assert!(includes(&leaves[index], index as u64, after.size, &proof, &after.root));
        if !proof.is_empty() {
            flip(&mut proof, bit);
            prop_assert!(!includes(&leaves[index], index as u64, after.size, &proof, &after.root));
        }
        let (mut proof, before) = (consistency(before, &leaves).expect("there"), head(&leaves[..before]));
        prop_assert!(extends(before, after, &proof));
        if !proof.is_empty() {
            flip(&mut proof, bit);
            prop_assert!(!extends(before, after, &proof));
        }
    }
}

fn flip(proof: &mut [Hash], bit: prop::sample::Index) {
    let bit = bit.index(proof.len() * 256);
    proof[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
}
