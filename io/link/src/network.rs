//! One network: its socket, with a batch of datagrams in every system call.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, recvmsg, sendmmsg};

use crate::outbox::{BATCH, Parcel};
use ridethrough_protocol::{DATAGRAM_BYTES_MAX, Lan};

/// One byte more than any datagram, so that a longer one does not look like one.
const BUFFER_BYTES: usize = DATAGRAM_BYTES_MAX + 1;

/// One network's socket and all that its calls need, allocated once.
pub(crate) struct Network {
    pub(crate) lan: Lan,
    socket: UdpSocket,
    incoming: MultiHeaders<SockaddrStorage>,
    outgoing: MultiHeaders<SockaddrStorage>,
    buffers: Vec<[u8; BUFFER_BYTES]>,
    control: Vec<u8>,
    /// Whether the socket may have something. The event queue tells only of what came after it was last empty.
    pub(crate) ready: bool,
    /// Whether the next datagram is to say how many the kernel has dropped.
    pub(crate) asks_drops: bool,
    /// Whether the last attempt to receive failed.
    failing: bool,
    totals: Totals,
}

/// What went through since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) receive_errors: u64,
    pub(crate) send_errors: u64,
    /// Datagrams that the kernel dropped, as far as it has been asked.
    pub(crate) dropped: u64,
}

impl Network {
    pub(crate) fn new(lan: Lan, socket: UdpSocket) -> Self {
        Self {
            lan,
            socket,
            incoming: MultiHeaders::preallocate(BATCH, None),
            outgoing: MultiHeaders::preallocate(BATCH, None),
            buffers: vec![[0; BUFFER_BYTES]; BATCH],
            control: cmsg_space!(u32),
            ready: true,
            asks_drops: true,
            failing: false,
            totals: Totals::default(),
        }
    }

    pub(crate) const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Hands over what the socket has, up to a batch; returns how much.
    pub(crate) fn receive(&mut self, mut hear: impl FnMut(&[u8], SocketAddr)) -> usize {
        let received = if self.asks_drops { self.receive_one(&mut hear) } else { self.receive_batch(&mut hear) };
        match received {
            Ok(datagrams) => {
                self.failing = false;
                self.totals.received += datagrams as u64;
                datagrams
            }
            Err(error) => {
                // An empty socket is no error. After one there may be more behind it, but a second in a row must not
                // become a busy loop.
                let failed = error != Errno::EAGAIN;
                self.ready = failed && !self.failing;
                self.failing = failed;
                self.totals.receive_errors += u64::from(failed);
                0
            }
        }
    }

    fn receive_batch(&mut self, hear: &mut impl FnMut(&[u8], SocketAddr)) -> nix::Result<usize> {
        let fd = self.socket.as_raw_fd();
        let mut buffers = self.buffers.iter_mut();
        let mut slices: [_; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(buffers.next().map_or(&mut [], |buffer| buffer))]);
        let mut count = 0;
        for message in recvmmsg(fd, &mut self.incoming, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None)? {
            count += 1;
            if let Some(from) = message.address.as_ref().and_then(address) {
                hear(message.iovs().next().unwrap_or_default(), from);
            }
        }
        self.ready = count == BATCH;
        Ok(count)
    }

    /// One datagram only, and with the count of what was dropped before it. `recvmmsg` in nix cannot tell: after its
    /// first call it leaves the kernel no room to say it.
    fn receive_one(&mut self, hear: &mut impl FnMut(&[u8], SocketAddr)) -> nix::Result<usize> {
        let fd = self.socket.as_raw_fd();
        let Some(buffer) = self.buffers.first_mut() else { return Ok(0) };
        let (length, from, dropped) = receive_with_drops(fd, buffer, &mut self.control)?;
        self.asks_drops = false;
        self.totals.dropped = dropped.map_or(self.totals.dropped, u64::from);
        if let Some(from) = from {
            hear(buffer.get(..length).unwrap_or_default(), from);
        }
        Ok(1)
    }

    /// Sends the copies that go out on this network. What the system refuses is lost like on any network, and what
    /// matters is sent again; it does not keep the rest of the batch back.
    pub(crate) fn send(&mut self, parcels: &[Parcel]) {
        let mut slices = [[IoSlice::new(&[])]; BATCH];
        let mut places = [None; BATCH];
        let mut count = 0;
        let own = parcels.iter().filter_map(|parcel| parcel.to[self.lan.index()].map(|to| (parcel, to)));
        for ((slice, place), (parcel, to)) in slices.iter_mut().zip(&mut places).zip(own) {
            *slice = [IoSlice::new(parcel.as_bytes())];
            *place = Some(SockaddrStorage::from(to));
            count += 1;
        }
        let (mut slices, mut places) =
            (slices.get(..count).unwrap_or_default(), places.get(..count).unwrap_or_default());
        while !slices.is_empty() {
            let done = self.send_some(slices, places);
            (slices, places) = (slices.get(done..).unwrap_or_default(), places.get(done..).unwrap_or_default());
        }
    }

    /// Sends the first of these, or gives them up; returns how many.
    fn send_some(&mut self, slices: &[[IoSlice<'_>; 1]], places: &[Option<SockaddrStorage>]) -> usize {
        let fd = self.socket.as_raw_fd();
        let sent = sendmmsg(fd, &mut self.outgoing, slices, places, [], MsgFlags::MSG_DONTWAIT).map(Iterator::count);
        let given_up = match sent {
            Ok(sent) if sent > 0 => {
                self.totals.sent += sent as u64;
                return sent;
            }
            // There is no room for any: trying each of them would only take time.
            Err(Errno::EAGAIN | Errno::ENOBUFS) => slices.len(),
            _ => 1,
        };
        self.totals.send_errors += given_up as u64;
        given_up
    }
}

impl AsRawFd for Network {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

type WithDrops = (usize, Option<SocketAddr>, Option<u32>);

fn receive_with_drops(fd: RawFd, buffer: &mut [u8], control: &mut [u8]) -> nix::Result<WithDrops> {
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(control), MsgFlags::MSG_DONTWAIT)?;
    let dropped = message.cmsgs()?.find_map(|told| match told {
        ControlMessageOwned::RxqOvfl(dropped) => Some(dropped),
        _ => None,
    });
    Ok((message.bytes, message.address.as_ref().and_then(address), dropped))
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}
