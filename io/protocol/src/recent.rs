//! The MACs of the last frames believed, by which their second copies are known without any crypto.

use crate::header::{Header, MAC_BYTES};
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
    mac: [u8; MAC_BYTES],
    /// The network that is still to bring it.
    missing: Option<Lan>,
}

impl Recent {
    /// Of a life of which nothing was believed yet.
    pub(crate) const fn new() -> Self {
        Self([Seen { sequence: 0, mac: [0; MAC_BYTES], missing: None }; DEPTH])
    }

    /// Notes a frame that was believed when this network brought it.
    pub(crate) fn note(&mut self, header: &Header, frame: &[u8], lan: Lan) {
        let Some(mac) = frame.last_chunk::<MAC_BYTES>() else { return };
        if let Some(seen) = self.0.get_mut(slot_of(header.sequence)) {
            *seen = Seen { sequence: header.sequence, mac: *mac, missing: Some(lan.other()) };
        }
    }

    /// Whether this is the second copy of a frame that was believed. True once for each.
    pub(crate) fn completes(&mut self, header: &Header, frame: &[u8], lan: Lan) -> bool {
        let Some(seen) = self.0.get_mut(slot_of(header.sequence)) else { return false };
        let awaited = seen.sequence == header.sequence && seen.missing == Some(lan) && frame.ends_with(&seen.mac);
        if awaited {
            seen.missing = None;
        }
        awaited
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a remainder below 16")]
const fn slot_of(sequence: u64) -> usize {
    (sequence % DEPTH as u64) as usize
}
