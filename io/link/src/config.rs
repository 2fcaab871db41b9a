//! What a link is built from, and why one cannot be.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread::Thread;
use std::time::Duration;

use ridethrough_core::device::DeviceId;
use ridethrough_protocol::{Orders, ReplicaKeys, SessionNonce};

use crate::realtime::Urgency;

/// What a link is built from.
pub struct LinkConfig {
    /// Where devices reach this replica on network A. Port 0 lets the system choose.
    pub lan_a: SocketAddr,
    /// Where they reach it on network B, if there is one. It must be another interface to be of use.
    pub lan_b: Option<SocketAddr>,
    /// This replica's keys.
    pub keys: ReplicaKeys,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
    /// Every device that may speak.
    pub devices: Vec<DeviceId>,
    /// How many outlets each PDU has, by the index of its rack. What a PDU says of others is counted and dropped.
    pub outlets: Vec<usize>,
    /// Drawn at this start of the process. Must be set.
    pub session: SessionNonce,
    /// Who is unparked when there is something to take from the link.
    pub consumer: Option<Thread>,
    /// What the consumer is unparked for.
    pub wake: Wake,
    /// How urgently the thread may run at most; it gets what the system allows.
    pub urgency_max: Urgency,
    /// The core that the thread is bound to, where the system allows it.
    pub core: Option<usize>,
    /// How long the thread looks for work before it sleeps. If it is not said: 20 µs where the core is likely its own,
    /// else not at all (see [`SPIN`]).
    pub spin: Option<Duration>,
    /// How long the kernel looks at the network card in every call (`SO_BUSY_POLL`), if the card's driver can.
    pub busy_poll: Option<Duration>,
    /// Whether the kernel drops what is not DPCN of this version before it takes room in the receive buffer.
    pub kernel_filter: bool,
    /// A network that brings nothing for so long while the other one does is failing.
    pub network_silent_after: Duration,
    /// The receive buffer asked of the kernel, on each network. A thousand acks arrive within a millisecond and the
    /// kernel's default holds fewer than 300.
    pub receive_buffer_bytes: usize,
    /// The least receive buffer to start with.
    pub receive_buffer_bytes_min: usize,
    /// The send buffer asked of the kernel, on each network. What does not fit is sent again later.
    pub send_buffer_bytes: usize,
}

/// How long a thread looks for work that has a core to itself: some round trips on loopback, and short for anybody else.
pub const SPIN: Duration = Duration::from_micros(20);

/// What the consumer is unparked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wake {
    /// For acks. Telemetry waits until the consumer looks by itself: it reads the newest of every device then.
    #[default]
    Acks,
    /// For telemetry, too.
    Everything,
}

impl LinkConfig {
    /// The usual configuration, with one network. The session is still to be drawn.
    pub const fn new(lan_a: SocketAddr, keys: ReplicaKeys, devices: Vec<DeviceId>) -> Self {
        Self {
            lan_a,
            lan_b: None,
            keys,
            orders: Orders::One,
            devices,
            outlets: Vec::new(),
            session: SessionNonce::NONE,
            consumer: None,
            wake: Wake::Acks,
            urgency_max: Urgency::Fifo,
            core: None,
            spin: None,
            busy_poll: None,
            kernel_filter: true,
            network_silent_after: Duration::from_secs(1),
            receive_buffer_bytes: 4 << 20,
            receive_buffer_bytes_min: 128 << 10,
            send_buffer_bytes: 4 << 20,
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
