//! Frames on their way out, gathered so that one datagram and one system call carry many.

use crate::devices::Places;
use ridethrough_protocol::DATAGRAM_BYTES_MAX;

/// Datagrams of one system call; more gains nothing.
pub(crate) const BATCH: usize = 16;

/// One datagram and where its copies go.
pub(crate) struct Parcel {
    pub(crate) to: Places,
    bytes: [u8; DATAGRAM_BYTES_MAX],
    length: usize,
}

impl Parcel {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Puts a frame after those that are in it; false when there is no room.
    fn append(&mut self, frame: &[u8]) -> bool {
        let end = self.length.saturating_add(frame.len());
        let Some(room) = self.bytes.get_mut(self.length..end) else { return false };
        room.copy_from_slice(frame);
        self.length = end;
        true
    }
}

/// At most a batch of datagrams.
pub(crate) struct Outbox {
    parcels: Vec<Parcel>,
    used: usize,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        let empty = || Parcel { to: Places::default(), bytes: [0; DATAGRAM_BYTES_MAX], length: 0 };
        Self { parcels: (0..BATCH).map(|_| empty()).collect(), used: 0 }
    }

    /// Takes a frame; false when it is full. Frames to one place keep their order: only the newest datagram to it
    /// grows.
    pub(crate) fn push(&mut self, frame: &[u8], to: Places) -> bool {
        let newest = self.parcels.iter_mut().take(self.used).rev().find(|parcel| parcel.to == to);
        if newest.is_some_and(|parcel| parcel.append(frame)) {
            return true;
        }
        let Some(parcel) = self.parcels.get_mut(self.used) else { return false };
        parcel.to = to;
        parcel.length = 0;
        self.used += 1;
        parcel.append(frame)
    }

    pub(crate) fn parcels(&self) -> &[Parcel] {
        self.parcels.get(..self.used).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }
}
