//! The socket: datagrams in, answers out, on whatever runtime it is given.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ridethrough_door::CannotListen;
use tokio::net::UdpSocket;

use crate::desk::Desk;
use crate::limits::DATAGRAM_MAX;

/// How long nobody is heard when the socket tells an error.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// A bound, not yet serving, agent.
#[derive(Debug)]
pub struct Server {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Server {
    /// Binds the address, so that a port in use is known before anything starts.
    pub async fn bind(address: SocketAddr) -> Result<Self, CannotListen> {
        let refused = |reason| CannotListen { setting: "snmp.listen", address, reason };
        let socket = UdpSocket::bind(address).await.map_err(refused)?;
        let address = socket.local_addr().unwrap_or(address);
        Ok(Self { socket, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the runtime ends. Call it on a runtime.
    pub fn serve(self, desk: Desk) {
        tokio::spawn(listen(self.socket, desk));
    }
}

/// One datagram after the other: what cannot be answered in time waits in the system's buffer, and then is lost, as UDP has it.
async fn listen(socket: UdpSocket, mut desk: Desk) {
    // One byte more than is taken, so that what is too long is seen to be so.
    let mut buffer = [0; DATAGRAM_MAX + 1];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(ERROR_PAUSE).await;
            continue;
        };
        let datagram = buffer.get(..length).unwrap_or_default();
        let Some(answer) = desk.answer(from.ip(), datagram, Instant::now()) else { continue };
        if socket.try_send_to(&answer, from).is_err() {
            desk.unsent();
        }
    }
}
