//! What a link is built from, and why one cannot be.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread::Thread;
use std::time::Duration;

use ridethrough_core::device::DeviceId;
use ridethrough_protocol::{Orders, ReplicaKeys, SessionNonce};

/// What a link is built from.
pub struct LinkConfig {
    /// Where devices reach this replica. Port 0 lets the system choose.
    pub bind: SocketAddr,
    /// This replica's keys.
    pub keys: ReplicaKeys,
    /// Every device that may speak.
    pub devices: Vec<DeviceId>,
    /// Drawn at this start of the process. Must be set.
    pub session: SessionNonce,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
    /// Who is unparked when there is something to take from the link.
    pub consumer: Option<Thread>,
    /// How long the thread looks for work before it sleeps; not at all by default, at most 20 µs where the core is
    /// its own.
    pub spin: Duration,
    /// The receive buffer asked of the kernel. A thousand acks arrive within a millisecond and the kernel's default
    /// holds fewer than 300.
    pub receive_buffer_bytes: usize,
    /// The least receive buffer to start with.
    pub receive_buffer_bytes_min: usize,
}

impl LinkConfig {
    /// The usual configuration. The session is still to be drawn.
    pub const fn new(bind: SocketAddr, keys: ReplicaKeys, devices: Vec<DeviceId>) -> Self {
        Self {
            bind,
            keys,
            devices,
            session: SessionNonce::NONE,
            orders: Orders::One,
            consumer: None,
            spin: Duration::ZERO,
            receive_buffer_bytes: 4 << 20,
            receive_buffer_bytes_min: 128 << 10,
        }
    }
}

/// Why a link did not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration has no session nonce.
    NoSession,
    /// The address cannot be bound, most often because another process has it.
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The system gives less receive buffer than a site needs.
    ReceiveBuffer {
        /// The least that is enough.
        needed_bytes: usize,
        /// What the system gave.
        given_bytes: usize,
    },
    /// The system refused a socket, an event queue or a thread.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession => f.write_str("DPCN: no session nonce was drawn"),
            Self::Bind { address, error } => write!(f, "DPCN: udp {address} cannot be bound: {error}"),
            Self::ReceiveBuffer { needed_bytes, given_bytes } => write!(
                f,
                "DPCN: the receive buffer has {given_bytes} bytes and {needed_bytes} are needed: raise net.core.rmem_max"
            ),
            Self::System(error) => write!(f, "DPCN: {error}"),
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for StartError {}
