//! Free addresses of loopback for what will listen, held until the socket is dropped. None is of those that the system gives to
//! whoever asks for any, as every device of a plant does: one of them would now and then get what was found free for a replica.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use ridethrough_fault_injection::demo::ports;

const THERE_ARE: &str = "loopback has free ports";

/// One for TCP.
pub fn tcp() -> (SocketAddr, TcpListener) {
    let (port, held) = ports::tcp().expect(THERE_ARE);
    ((Ipv4Addr::LOCALHOST, port).into(), held)
}

/// One for UDP, of this address of loopback.
pub fn udp(ip: Ipv4Addr) -> (SocketAddr, UdpSocket) {
    let (port, held) = ports::udp(ip).expect(THERE_ARE);
    ((ip, port).into(), held)
}
