//! Many datagrams with one system call.

use std::io::{IoSlice, IoSliceMut, Result};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

/// More than this at once gains nothing.
pub const BATCH: usize = 16;
/// Holds any datagram that crosses an Ethernet whole.
const DATAGRAM_BYTES: usize = 1_472;

/// Datagrams that wait until they leave together.
pub struct Outbox {
    datagrams: Box<[[u8; DATAGRAM_BYTES]; BATCH]>,
    lengths: [usize; BATCH],
    count: usize,
    sent: usize,
    to: [Option<SockaddrIn>; BATCH],
    headers: MultiHeaders<SockaddrIn>,
}

impl Outbox {
    /// An empty one for this receiver.
    pub fn new(to: SocketAddr) -> Self {
        let SocketAddr::V4(to) = to else { unreachable!("the benches bind IPv4 addresses") };
        Self {
            datagrams: room(),
            lengths: [0; BATCH],
            count: 0,
            sent: 0,
            to: [Some(SockaddrIn::from(to)); BATCH],
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }

    /// Adds a datagram; sends those before it once there are enough.
    pub fn push(&mut self, socket: &UdpSocket, datagram: &[u8]) -> Result<()> {
        if self.count == BATCH {
            self.flush(socket)?;
        }
        self.datagrams[self.count][..datagram.len()].copy_from_slice(datagram);
        self.lengths[self.count] = datagram.len();
        self.count += 1;
        Ok(())
    }

    /// Adds a frame to the last datagram while it fits into it.
    pub fn pack(&mut self, socket: &UdpSocket, frame: &[u8]) -> Result<()> {
        let Some(last) = self.count.checked_sub(1) else { return self.push(socket, frame) };
        let (begin, end) = (self.lengths[last], self.lengths[last] + frame.len());
        let Some(room) = self.datagrams[last].get_mut(begin..end) else { return self.push(socket, frame) };
        room.copy_from_slice(frame);
        self.lengths[last] = end;
        Ok(())
    }

    /// How many datagrams were sent so far.
    pub const fn sent(&self) -> usize {
        self.sent
    }

    /// Sends what waits.
    pub fn flush(&mut self, socket: &UdpSocket) -> Result<()> {
        let mut sent = 0;
        while sent < self.count {
            let slices: [[IoSlice<'_>; 1]; BATCH] =
                std::array::from_fn(|nth| [IoSlice::new(&self.datagrams[nth][..self.lengths[nth]])]);
            let waiting = &slices[sent..self.count];
            let results = sendmmsg(socket.as_raw_fd(), &mut self.headers, waiting, self.to, [], MsgFlags::empty())?;
            sent += results.count();
        }
        self.sent += self.count;
        self.count = 0;
        Ok(())
    }
}

fn room() -> Box<[[u8; DATAGRAM_BYTES]; BATCH]> {
    let datagrams = vec![[0; DATAGRAM_BYTES]; BATCH];
    datagrams.try_into().unwrap_or_else(|_| unreachable!("as many as were asked for"))
}

/// Room for datagrams that came together.
pub struct Inbox {
    datagrams: Box<[[u8; DATAGRAM_BYTES]; BATCH]>,
    headers: MultiHeaders<SockaddrIn>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { datagrams: room(), headers: MultiHeaders::preallocate(BATCH, None) }
    }
}

impl Inbox {
    /// Takes all that is there, without waiting: an answer that lies unread looks lost.
    pub fn drain(&mut self, socket: &UdpSocket, mut take: impl FnMut(&[u8])) {
        while self.receive(socket, &mut take) == BATCH {}
    }

    /// Takes what is there without waiting, and says how many that were.
    pub fn receive(&mut self, socket: &UdpSocket, mut take: impl FnMut(&[u8])) -> usize {
        let mut lengths = [0; BATCH];
        let count = {
            let mut slices = self.datagrams.each_mut().map(|datagram| [IoSliceMut::new(datagram)]);
            let Ok(results) =
                recvmmsg(socket.as_raw_fd(), &mut self.headers, &mut slices, MsgFlags::MSG_DONTWAIT, None)
            else {
                return 0;
            };
            results.zip(&mut lengths).map(|(result, length)| *length = result.bytes).count()
        };
        self.datagrams.iter().zip(lengths).take(count).for_each(|(datagram, length)| take(&datagram[..length]));
        count
    }
}
