//! A buffer that any frame fits in, so that nothing is allocated to send one.

use crate::header::Kind;

/// No frame is longer than this, in bytes.
pub const FRAME_BYTES_MAX: usize = 200;

const _: () = assert!(Kind::Telemetry.frame_bytes() == FRAME_BYTES_MAX);
const _: () = assert!(Kind::Beat.frame_bytes() < FRAME_BYTES_MAX && Kind::Order.frame_bytes() < FRAME_BYTES_MAX);
const _: () = assert!(Kind::Ack.frame_bytes() < FRAME_BYTES_MAX);

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
