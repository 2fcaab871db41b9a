//! The UDP socket, with a receive buffer that a burst of acks fits in.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{LinkConfig, StartError};

/// A bound socket and the receive buffer that it really has, in bytes.
pub(crate) struct Bound {
    pub(crate) socket: UdpSocket,
    pub(crate) address: SocketAddr,
    pub(crate) receive_buffer_bytes: usize,
}

pub(crate) fn bind(config: &LinkConfig) -> Result<Bound, StartError> {
    let socket =
        Socket::new(Domain::for_address(config.bind), Type::DGRAM, Some(Protocol::UDP)).map_err(StartError::System)?;
    let receive_buffer_bytes = enlarge(&socket, config.receive_buffer_bytes).map_err(StartError::System)?;
    if receive_buffer_bytes < config.receive_buffer_bytes_min {
        let needed_bytes = config.receive_buffer_bytes_min;
        return Err(StartError::ReceiveBuffer { needed_bytes, given_bytes: receive_buffer_bytes });
    }
    let bound = socket.set_nonblocking(true).and_then(|()| socket.bind(&config.bind.into()));
    bound.map_err(|error| StartError::Bind { address: config.bind, error })?;
    let socket = UdpSocket::from_std(socket.into());
    let address = socket.local_addr().map_err(StartError::System)?;
    Ok(Bound { socket, address, receive_buffer_bytes })
}

/// Asks for a buffer and says what was given. Beyond the system's limit only a privileged process gets it, so the
/// refusal of the forced way is no error. The kernel doubles what is asked, for its own bookkeeping.
fn enlarge(socket: &Socket, bytes: usize) -> io::Result<usize> {
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_err() {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.recv_buffer_size()
}
