//! Addresses of this run alone, and children that never outlive it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Child;

/// How many replicas there are.
pub const REPLICAS: u16 = 3;

/// Where member `id` listens with this port. The whole of 127.0.0.0/8 is this machine: the process chooses the network.
pub fn address(id: u16, port: u16) -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    let [_, host] = id.to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, high, low, host), port))
}

/// A process that is killed when it is dropped: nothing that it holds is needed any more.
#[derive(Debug)]
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
