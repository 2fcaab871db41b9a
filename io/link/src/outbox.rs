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

#[cfg(all(test, not(loom)))]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn to(port: u16) -> Places {
        [Some(SocketAddr::from(([127, 0, 0, 1], port))), None]
    }

    #[test]
    fn frames_to_one_place_share_datagrams_in_their_order() {
        let mut outbox = Outbox::new();
        for nth in 0..12 {
            assert!(outbox.push(&[nth; 128], to(1)));
            assert!(outbox.push(&[nth; 80], to(2)));
        }
        let lengths: Vec<_> = outbox.parcels().iter().map(|parcel| parcel.as_bytes().len()).collect();
        assert_eq!(lengths, [11 * 128, 12 * 80, 128], "the twelfth does not fit the first datagram");
        let first: Vec<u8> = outbox.parcels()[0].as_bytes().chunks(128).map(|frame| frame[0]).collect();
        assert_eq!(first, (0..11).collect::<Vec<_>>());
        assert!(outbox.push(&[12; 80], to(1)), "and goes on in the newest, though the first has room again");
        assert_eq!(outbox.parcels()[2].as_bytes().len(), 208);
    }

    #[test]
    fn a_full_one_refuses_until_it_is_emptied() {
        let mut outbox = Outbox::new();
        let taken = (0..100).filter(|port| outbox.push(&[0; 200], to(*port))).count();
        assert_eq!(taken, BATCH);
        outbox.clear();
        assert!(outbox.push(&[0; 200], to(99)) && outbox.parcels().len() == 1);
    }
}
