//! A UDP socket of one network: buffers that a burst of acks fits in, priority, and what the kernel is to leave out.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{LinkConfig, StartError};
use crate::filter;

/// Expedited forwarding (RFC 3246) in the upper six bits of the traffic class.
const TRAFFIC_CLASS: u32 = 46 << 2;
/// The highest that an unprivileged process may ask of its own queues.
const PRIORITY: u32 = 6;

/// A bound socket and the receive buffer that it really has, in bytes.
pub(crate) struct Bound {
    pub(crate) socket: UdpSocket,
    pub(crate) address: SocketAddr,
    pub(crate) receive_buffer_bytes: usize,
}

pub(crate) fn bind(config: &LinkConfig, address: SocketAddr) -> Result<Bound, StartError> {
    let socket =
        Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP)).map_err(StartError::System)?;
    let receive_buffer_bytes = enlarge(&socket, config.receive_buffer_bytes).map_err(StartError::System)?;
    if receive_buffer_bytes < config.receive_buffer_bytes_min {
        let needed_bytes = config.receive_buffer_bytes_min;
        return Err(StartError::ReceiveBuffer { needed_bytes, given_bytes: receive_buffer_bytes });
    }
    configure(&socket, config, address).map_err(StartError::System)?;
    let bound = socket.set_nonblocking(true).and_then(|()| socket.bind(&address.into()));
    bound.map_err(|error| StartError::Bind { address, error })?;
    let socket = UdpSocket::from(socket);
    let address = socket.local_addr().map_err(StartError::System)?;
    Ok(Bound { socket, address, receive_buffer_bytes })
}

fn configure(socket: &Socket, config: &LinkConfig, address: SocketAddr) -> io::Result<()> {
    if setsockopt(socket, sockopt::SndBufForce, &config.send_buffer_bytes).is_err() {
        socket.set_send_buffer_size(config.send_buffer_bytes)?;
    }
    mark(socket, address);
    setsockopt(socket, sockopt::RxqOvfl, &1)?;
    if config.kernel_filter {
        socket.attach_filter(&filter::program())?;
    }
    if let Some(busy_poll) = config.busy_poll {
        socket.set_busy_poll(u32::try_from(busy_poll.as_micros()).unwrap_or(u32::MAX))?;
    }
    // A network whose interface is down at the start must not keep the other from working.
    if config.lan_b.is_some() && address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    } else if config.lan_b.is_some() {
        socket.set_freebind_v6(true)?;
    }
    Ok(())
}

/// Asks switches and queues for precedence. Where that is refused, frames arrive all the same.
fn mark(socket: &Socket, address: SocketAddr) {
    // The traffic class first: setting it sets the priority, too.
    let _ = if address.is_ipv4() { socket.set_tos_v4(TRAFFIC_CLASS) } else { socket.set_tclass_v6(TRAFFIC_CLASS) };
    let _ = socket.set_priority(PRIORITY);
}

/// Asks for a buffer and says what was given. Beyond the system's limit only a privileged process gets it, so the
/// refusal of the forced way is no error. The kernel doubles what is asked, for its own bookkeeping.
fn enlarge(socket: &Socket, bytes: usize) -> io::Result<usize> {
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_err() {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.recv_buffer_size()
}
