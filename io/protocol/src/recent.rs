//! Sums of the last frames believed, by which their second copies are known without any crypto.
//!
//! The sum is over every byte, so that a network that damages frames is not taken for a sound one. It keeps nobody from
//! making another frame of the same sum, who could as well bring the true copy: a copy moves nothing.

use crate::header::Header;
use crate::network::Lan;

/// How many frames one network may be behind the other.
const DEPTH: usize = 16;

/// The last frames believed of one sender in one life.
#[derive(Clone)]
pub(crate) struct Recent([Seen; DEPTH]);

/// One of them.
#[derive(Clone, Copy)]
struct Seen {
    /// Zero for none: no frame has that.
    sequence: u64,
    sum: u64,
    /// The network that is still to bring it.
    missing: Option<Lan>,
}

impl Recent {
    /// Of a life of which nothing was believed yet.
    pub(crate) const fn new() -> Self {
        Self([Seen { sequence: 0, sum: 0, missing: None }; DEPTH])
    }

    /// Notes a frame that was believed when this network brought it.
    pub(crate) fn note(&mut self, header: &Header, frame: &[u8], lan: Lan) {
        if let Some(seen) = self.0.get_mut(slot_of(header.sequence)) {
            *seen = Seen { sequence: header.sequence, sum: sum_of(frame), missing: Some(lan.other()) };
        }
    }

    /// Whether this is the second copy of a frame that was believed. True once for each.
    pub(crate) fn completes(&mut self, header: &Header, frame: &[u8], lan: Lan) -> bool {
        let Some(seen) = self.0.get_mut(slot_of(header.sequence)) else { return false };
        let awaited = seen.sequence == header.sequence && seen.missing == Some(lan) && seen.sum == sum_of(frame);
        if awaited {
            seen.missing = None;
        }
        awaited
    }
}

/// FNV-1a in words of eight bytes, of which every frame is a whole number: each step is a bijection, so damage to one
/// word never goes unseen.
fn sum_of(frame: &[u8]) -> u64 {
    let (words, _) = frame.as_chunks::<8>();
    let step = |sum: u64, word: &[u8; 8]| (sum ^ u64::from_le_bytes(*word)).wrapping_mul(0x0000_0100_0000_01b3);
    words.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[allow(clippy::cast_possible_truncation, reason = "a remainder below 16")]
const fn slot_of(sequence: u64) -> usize {
    (sequence % DEPTH as u64) as usize
}
