//! Somebody between a manager and an agent, who records what is sent and sends it again.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long an answer may take: only one that never comes meets it.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest datagram that either sends.
const DATAGRAM_MAX: usize = 2_048;

/// The one in the middle. He ends with the test.
pub struct Relay {
    address: SocketAddr,
    agent: SocketAddr,
    recorded: Receiver<Vec<u8>>,
}

impl Relay {
    /// Passes what comes on to this agent, one datagram after the other, and its answers back.
    pub fn start(agent: SocketAddr) -> Self {
        let [inside, outside] = [0, 1].map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        outside.set_read_timeout(Some(PATIENCE)).expect("a socket");
        outside.connect(agent).expect("loopback");
        let address = inside.local_addr().expect("bound");
        let (record, recorded) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; DATAGRAM_MAX];
            while let Ok((length, manager)) = inside.recv_from(&mut buffer) {
                if record.send(buffer[..length].to_vec()).is_err() || outside.send(&buffer[..length]).is_err() {
                    return;
                }
                if let Ok(length) = outside.recv(&mut buffer) {
                    let _ = inside.send_to(&buffer[..length], manager);
                }
            }
        });
        Self { address, agent, recorded }
    }

    /// Where managers ask.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was sent last.
    pub fn last_request(&mut self) -> Vec<u8> {
        self.recorded.try_iter().last().expect("something was sent")
    }

    /// The answer to what is sent again, by somebody else.
    pub fn replay(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        socket.send_to(datagram, self.agent).expect("loopback");
        let mut buffer = [0; DATAGRAM_MAX];
        socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec())
    }
}
