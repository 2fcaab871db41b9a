//! The handle of a running link.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use metrics::Histogram;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token, Waker};
use ridethrough_core::device::DeviceId;

use crate::config::{LinkConfig, SPIN, StartError};
use crate::devices::Devices;
use crate::dialogue::Dialogue;
use crate::message::{FromLink, ToLink};
use crate::meters;
use crate::network::Network;
use crate::outlets::OutletPowers;
use crate::realtime::{self, Rank, Scheduling, Urgency};
use crate::rings::Rings;
use crate::socket::{self, Bound};
use crate::words;
use crate::worker::{WAKER, Worker};
use ridethrough_protocol::Lan;

/// A machine with so many cores can spare one for a while.
const CORES_TO_SPIN: usize = 4;

/// A running link. Stops when dropped.
pub struct Link {
    rings: Arc<Rings>,
    thread: Option<JoinHandle<()>>,
    /// By the number of the telemetry slot.
    devices: Vec<DeviceId>,
    bound: [Option<(SocketAddr, usize)>; 2],
    scheduling: Scheduling,
    actuation: Histogram,
}

/// The link thread panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkDied;

impl fmt::Display for LinkDied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the DPCN thread has panicked")
    }
}

impl std::error::Error for LinkDied {}

impl Link {
    /// Binds the sockets and starts the thread.
    pub fn start(config: LinkConfig) -> Result<Self, StartError> {
        if config.session == ridethrough_protocol::SessionNonce::NONE {
            return Err(StartError::NoSession);
        }
        let lan_a = Some(socket::bind(&config, config.lan_a)?);
        let bound = [lan_a, config.lan_b.map(|address| socket::bind(&config, address)).transpose()?];
        let poll = Poll::new().map_err(StartError::System)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(StartError::System)?;
        let devices: Vec<_> = Devices::new(&config.devices).as_slice().iter().map(|remote| remote.device).collect();
        let rings = Arc::new(Rings::new(devices.len(), &config.outlets, waker));
        for (lan, bound) in present(&bound) {
            let fd = bound.socket.as_raw_fd();
            let registered = poll.registry().register(&mut SourceFd(&fd), Token(lan.index()), Interest::READABLE);
            registered.map_err(StartError::System)?;
            meters::show_receive_buffer(lan, bound.receive_buffer_bytes);
        }
        let given = [&bound[0], &bound[1]].map(|lan| lan.as_ref().map(|lan| (lan.address, lan.receive_buffer_bytes)));
        let (thread, scheduling) = spawn(config, bound, poll, Arc::clone(&rings)).map_err(StartError::System)?;
        meters::show_scheduling(scheduling);
        Ok(Self { rings, thread: Some(thread), devices, bound: given, scheduling, actuation: meters::actuation() })
    }

    /// Hands a message to the link; false when too many wait already, or when the link has died. Any thread may.
    pub fn send(&self, message: ToLink) -> bool {
        self.send_all([message]) == 1
    }

    /// Hands many messages to the link and wakes it once for all; returns how many were taken before too many waited.
    pub fn send_all(&self, messages: impl IntoIterator<Item = ToLink>) -> usize {
        if self.is_running() { self.rings.send_all(messages) } else { 0 }
    }

    /// Whether every [`ToLink::StepDown`] that the calling thread has sent is obeyed: since then, no order and no beat has
    /// left that was not told later. The consumer is woken when it comes to be so.
    pub fn has_stepped_down(&self) -> bool {
        self.rings.has_stepped_down()
    }

    /// The next thing that the link has to tell: acks first, then the newest telemetry of every device that has said
    /// something since it was last told. When nobody takes acks, the oldest are dropped.
    pub fn poll(&self) -> Option<FromLink> {
        self.poll_ack().or_else(|| self.poll_telemetry())
    }

    fn poll_ack(&self) -> Option<FromLink> {
        let told = self.rings.take_ack();
        if let Some(FromLink::Ack { ack, rtt_us, .. }) = told
            && ack.verdict.in_force()
            && rtt_us < u32::MAX
        {
            // Here and not on the link thread, because a histogram may allocate.
            self.actuation.record(Duration::from_micros(rtt_us.into()));
        }
        told
    }

    fn poll_telemetry(&self) -> Option<FromLink> {
        let (slot, told) = self.rings.telemetry.take()?;
        let device = *self.devices.get(slot)?;
        words::read(device, &told).map(FromLink::Telemetry)
    }

    /// What every outlet feeds, as PDUs last said it; any thread may read it, also after the link has stopped.
    pub fn outlets(&self) -> Arc<OutletPowers> {
        Arc::clone(&self.rings.outlets)
    }

    /// Where devices reach this replica on a network, if it is on it.
    pub fn local_addr(&self, lan: Lan) -> Option<SocketAddr> {
        self.bound[lan.index()].map(|(address, _)| address)
    }

    /// The receive buffer that the system gave on a network, in bytes.
    pub fn receive_buffer_bytes(&self, lan: Lan) -> Option<usize> {
        self.bound[lan.index()].map(|(_, bytes)| bytes)
    }

    /// What the system gave the link thread.
    pub const fn scheduling(&self) -> Scheduling {
        self.scheduling
    }

    /// False while a network brings nothing and the other one does, in either direction, and where there is none.
    pub fn is_network_up(&self, lan: Lan) -> bool {
        self.bound[lan.index()].is_some() && self.rings.is_network_up(lan.index())
    }

    /// Whether the thread is alive.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends the thread and closes the sockets. Devices notice when their lease lapses.
    pub fn stop(mut self) -> Result<(), LinkDied> {
        self.end()
    }

    fn end(&mut self) -> Result<(), LinkDied> {
        self.rings.stop();
        self.thread.take().map_or(Ok(()), |thread| thread.join().map_err(|_| LinkDied))
    }
}

fn present(bound: &[Option<Bound>; 2]) -> impl Iterator<Item = (Lan, &Bound)> {
    Lan::ALL.into_iter().zip(bound).filter_map(|(lan, bound)| Some((lan, bound.as_ref()?)))
}

/// Starts the thread and waits until it says how it is scheduled.
fn spawn(
    config: LinkConfig,
    bound: [Option<Bound>; 2],
    poll: Poll,
    rings: Arc<Rings>,
) -> io::Result<(JoinHandle<()>, Scheduling)> {
    let (started, scheduling) = sync_channel(1);
    let thread = thread::Builder::new().name("dpcn".into());
    let thread = thread.spawn(move || work(&config, bound, poll, rings, &started))?;
    let scheduling = scheduling.recv().map_err(|_| io::Error::other("the thread did not start"))?;
    Ok((thread, scheduling))
}

fn work(
    config: &LinkConfig,
    bound: [Option<Bound>; 2],
    poll: Poll,
    rings: Arc<Rings>,
    started: &SyncSender<Scheduling>,
) {
    let scheduling = realtime::claim(Rank::Link, config.urgency_max, config.core);
    let lans: Vec<_> = present(&bound).map(|(lan, _)| lan).collect();
    let [lan_a, lan_b] = bound;
    let network = |lan, bound: Option<Bound>| bound.map(|bound| Network::new(lan, bound.socket));
    let networks = [network(Lan::A, lan_a), network(Lan::B, lan_b)];
    let dialogue = Dialogue::new(config, &lans, Arc::clone(&rings));
    let spin = config.spin.unwrap_or_else(|| spin(scheduling));
    let worker = Worker::new(dialogue, networks, rings, poll, spin);
    if started.send(scheduling).is_ok() {
        worker.run();
    }
}

/// Looking for work pays only on a core that nobody else needs.
fn spin(scheduling: Scheduling) -> Duration {
    let many_cores = thread::available_parallelism().is_ok_and(|cores| cores.get() >= CORES_TO_SPIN);
    let own_core = scheduling.urgency == Urgency::Fifo && scheduling.core.is_some();
    if many_cores || own_core { SPIN } else { Duration::ZERO }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A panic of the thread was reported when it happened; there is nobody left to tell.
        let _ = self.end();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("bound", &self.bound)
            .field("scheduling", &self.scheduling)
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
