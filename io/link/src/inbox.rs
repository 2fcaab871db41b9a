//! What came in while a large fan-out was going out. It is taken out of the sockets between the batches, because a
//! thousand acks would not fit there, and heard when the fan-out is over.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use ridethrough_protocol::{DATAGRAM_BYTES_MAX, Lan};

/// Room for some thousands of acks.
const BYTES_MAX: usize = 1 << 20;
const DATAGRAMS_MAX: usize = 8_192;

/// One datagram as it came.
#[derive(Clone)]
pub(crate) struct Arrival {
    pub(crate) lan: Lan,
    pub(crate) from: SocketAddr,
    pub(crate) at: Instant,
    bytes: Range<usize>,
}

pub(crate) struct Inbox {
    bytes: Box<[u8]>,
    used: usize,
    arrivals: Vec<Arrival>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; BYTES_MAX].into(), used: 0, arrivals: Vec::with_capacity(DATAGRAMS_MAX) }
    }

    /// Whether it has room for so many datagrams of any length. What does not fit stays in the socket.
    pub(crate) fn has_room(&self, datagrams: usize) -> bool {
        self.arrivals.len() + datagrams <= DATAGRAMS_MAX
            && self.used + datagrams * (DATAGRAM_BYTES_MAX + 1) <= self.bytes.len()
    }

    pub(crate) fn push(&mut self, lan: Lan, from: SocketAddr, at: Instant, datagram: &[u8]) {
        let bytes = self.used..self.used + datagram.len();
        if let Some(room) = self.bytes.get_mut(bytes.clone()) {
            room.copy_from_slice(datagram);
            self.used = bytes.end;
            self.arrivals.push(Arrival { lan, from, at, bytes });
        }
    }

    /// Empties it, oldest first.
    pub(crate) fn drain(&mut self, mut hear: impl FnMut(&Arrival, &[u8])) -> usize {
        let count = self.arrivals.len();
        for arrival in self.arrivals.drain(..) {
            hear(&arrival, self.bytes.get(arrival.bytes.clone()).unwrap_or_default());
        }
        self.used = 0;
        count
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn it_gives_back_what_came_and_has_an_end() {
        let (mut inbox, from) = (Inbox::new(), SocketAddr::from(([127, 0, 0, 1], 9)));
        let mut count = 0_u32;
        while inbox.has_room(1) {
            inbox.push(Lan::B, from, Instant::now(), &count.to_le_bytes().repeat(32));
            count += 1;
        }
        assert!(count >= 4_096, "{count} acks of 128 bytes");
        let mut next = 0_u32;
        let heard = inbox.drain(|arrival, datagram| {
            assert_eq!((arrival.lan, datagram), (Lan::B, &next.to_le_bytes().repeat(32)[..]));
            next += 1;
        });
        assert_eq!((heard, inbox.drain(|_, _| {}), inbox.has_room(16)), (count as usize, 0, true));
    }
}
