//! UDP on loopback, and how to wait for a datagram.

use std::hint::spin_loop;
use std::io::Error;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};

/// How an end waits for a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Asks again and again; the core is its own.
    Spinning,
    /// Lets the kernel wake it.
    Blocking,
    /// Asks for this long, then lets the kernel wake it.
    Adaptive(Duration),
}

/// Holds every answer of ten thousand devices; the kernel counts some 800 bytes for a small datagram.
const RECEIVE_BUFFER_BYTES: usize = 16 << 20;
/// How often an end looks whether it should end.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// An answer that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// A socket on loopback that holds a burst of answers.
pub fn bound() -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    // Without the right to force it, the kernel gives what its limit allows; the benches count what is lost.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES).map_err(Error::from)?;
    }
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    Ok(socket)
}

/// One end of a conversation. Its socket is open to anybody, as a replica's and a device's are.
#[derive(Debug)]
pub struct End {
    socket: UdpSocket,
    other: SocketAddr,
}

/// Two ends on loopback that talk to each other.
pub fn pair() -> std::io::Result<(End, End)> {
    let (near, far) = (bound()?, bound()?);
    let (near_at, far_at) = (near.local_addr()?, far.local_addr()?);
    Ok((End { socket: near, other: far_at }, End { socket: far, other: near_at }))
}

/// An end that talks to somebody who learns its address from that.
pub fn towards(other: SocketAddr) -> std::io::Result<End> {
    Ok(End { socket: bound()?, other })
}

impl End {
    /// Sends a datagram to the other end.
    pub fn send(&self, datagram: &[u8]) -> std::io::Result<usize> {
        self.socket.send_to(datagram, self.other)
    }

    /// Waits for a datagram; nothing once `ending`.
    pub fn receive(&self, buffer: &mut [u8], waiting: Waiting, ending: &AtomicBool) -> Option<usize> {
        while !ending.load(Ordering::Relaxed) {
            // An empty one only wakes a blocked end so that it looks here.
            if let Some(length) = self.attempt(buffer, waiting).filter(|length| *length > 0) {
                return Some(length);
            }
        }
        None
    }

    /// Waits for an answer; nothing if it was lost.
    pub fn answer(&self, buffer: &mut [u8], waiting: Waiting) -> Option<usize> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(length) = self.attempt(buffer, waiting) {
                return Some(length);
            }
        }
        None
    }

    /// Waits for a datagram for a while.
    pub fn attempt(&self, buffer: &mut [u8], waiting: Waiting) -> Option<usize> {
        match waiting {
            Waiting::Spinning => self.spin(buffer, LOOK_EVERY),
            Waiting::Blocking => self.socket.recv(buffer).ok(),
            Waiting::Adaptive(span) => self.spin(buffer, span).or_else(|| self.socket.recv(buffer).ok()),
        }
    }

    /// What has come, without waiting.
    pub fn try_receive(&self, buffer: &mut [u8]) -> Option<usize> {
        recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT).ok()
    }

    /// Lets what it sends go elsewhere.
    pub const fn redirect(&mut self, to: SocketAddr) {
        self.other = to;
    }

    /// How long a blocked end sleeps at most.
    pub fn block_at_most(&self, span: Duration) -> std::io::Result<()> {
        self.socket.set_read_timeout(Some(span))
    }

    /// The socket itself.
    pub const fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Where the other end is.
    pub const fn other(&self) -> SocketAddr {
        self.other
    }

    fn spin(&self, buffer: &mut [u8], span: Duration) -> Option<usize> {
        let began = Instant::now();
        loop {
            match self.try_receive(buffer) {
                Some(length) => return Some(length),
                None if began.elapsed() >= span => return None,
                None => spin_loop(),
            }
        }
    }
}
