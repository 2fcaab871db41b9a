//! A buffer that any frame fits in, so that nothing is allocated to send one; and what a datagram is made of.

use crate::header::{Kind, MAGIC, Version};
use crate::refusal::Malformed;
use crate::wire::Reader;

/// No frame is longer than this, in bytes.
pub const FRAME_BYTES_MAX: usize = 216;

const _: () = assert!(Kind::Telemetry.frame_bytes() == FRAME_BYTES_MAX);
const _: () = assert!(Kind::Beat.frame_bytes() < FRAME_BYTES_MAX && Kind::Order.frame_bytes() < FRAME_BYTES_MAX);
const _: () = assert!(Kind::Ack.frame_bytes() < FRAME_BYTES_MAX && FRAME_BYTES_MAX <= DATAGRAM_BYTES_MAX);
const _: () = assert!(Kind::Outlets.frame_bytes() < FRAME_BYTES_MAX);
const _: () = assert!(Kind::Endorsement.frame_bytes() == Kind::Order.frame_bytes());

/// No datagram is longer than this, in bytes: what fits into an Ethernet frame with IP and UDP.
pub const DATAGRAM_BYTES_MAX: usize = 1_472;

/// The frames of one datagram: whole ones, one after the other.
#[derive(Clone, Debug)]
pub struct Frames<'a>(&'a [u8]);

/// Splits a datagram into its frames without believing any of it. Ends after the first thing that cannot be a frame;
/// those before it stand. A datagram without a byte has no frame.
pub const fn frames(datagram: &[u8]) -> Frames<'_> {
    Frames(datagram)
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let split = frame_bytes(self.0).and_then(|bytes| self.0.split_at_checked(bytes).ok_or(Malformed::Length));
        self.0 = split.map_or(&[], |(_, rest)| rest);
        Some(split.map(|(frame, _)| frame))
    }
}

/// How long the frame is that these bytes begin with.
fn frame_bytes(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.u32()? != MAGIC {
        return Err(Malformed::Magic);
    }
    Version::kind_from_wire(reader.u8()?, reader.u8()?).map(|(_, kind)| kind.frame_bytes())
}

/// One frame to send.
#[derive(Clone, Debug)]
pub struct Datagram {
    bytes: [u8; FRAME_BYTES_MAX],
    length: usize,
}

impl Datagram {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { bytes: [0; FRAME_BYTES_MAX], length: 0 }
    }

    /// The frame's bytes; none before anything was written.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    /// Appends bytes. The compile-time comparison above is why what the frames write always fits; a byte that did
    /// not would be left out and the MAC would fail at the receiver.
    pub(crate) fn push(&mut self, more: &[u8]) {
        let end = self.length.saturating_add(more.len());
        if let Some(slot) = self.bytes.get_mut(self.length..end) {
            slot.copy_from_slice(more);
            self.length = end;
        }
    }
}

impl Default for Datagram {
    fn default() -> Self {
        Self::new()
    }
}
