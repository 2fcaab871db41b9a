//! The handle of a running link.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle, Thread};

use mio::{Interest, Poll, Waker};

use crate::config::{LinkConfig, StartError};
use crate::message::{FromLink, ToLink};
use crate::rings::Rings;
use crate::socket;
use crate::worker::{SOCKET, WAKER, Worker};

/// A running link. Stops when dropped.
pub struct Link {
    rings: Arc<Rings>,
    thread: Option<JoinHandle<()>>,
    address: SocketAddr,
    receive_buffer_bytes: usize,
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
    /// Binds the socket and starts the thread.
    pub fn start(mut config: LinkConfig) -> Result<Self, StartError> {
        if config.session == ridethrough_protocol::SessionNonce::NONE {
            return Err(StartError::NoSession);
        }
        let mut bound = socket::bind(&config)?;
        let poll = Poll::new().map_err(StartError::System)?;
        poll.registry().register(&mut bound.socket, SOCKET, Interest::READABLE).map_err(StartError::System)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(StartError::System)?;
        let rings = Arc::new(Rings::new(config.devices.len(), waker, config.consumer.take()));
        let (address, receive_buffer_bytes) = (bound.address, bound.receive_buffer_bytes);
        let worker = Worker::new(&config, bound, poll, Arc::clone(&rings));
        let thread = thread::Builder::new().name("dpcn".into()).spawn(|| worker.run()).map_err(StartError::System)?;
        Ok(Self { rings, thread: Some(thread), address, receive_buffer_bytes })
    }

    /// Hands a message to the link; false when too many wait already, or when the link has died. Any thread may.
    pub fn send(&self, message: ToLink) -> bool {
        self.is_running() && self.rings.send(message)
    }

    /// The next thing that the link has to tell, acks first. When nobody takes it, the oldest is dropped.
    pub fn poll(&self) -> Option<FromLink> {
        self.rings.poll()
    }

    /// Whom to unpark when there is something to take, in place of whoever it was.
    pub fn set_consumer(&self, consumer: Thread) {
        self.rings.set_consumer(consumer);
    }

    /// Where devices reach this replica.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The receive buffer that the system gave, in bytes.
    pub const fn receive_buffer_bytes(&self) -> usize {
        self.receive_buffer_bytes
    }

    /// Whether the thread is alive.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends the thread and closes the socket. Devices notice when their lease lapses.
    pub fn stop(mut self) -> Result<(), LinkDied> {
        self.end()
    }

    fn end(&mut self) -> Result<(), LinkDied> {
        self.rings.stop();
        self.thread.take().map_or(Ok(()), |thread| thread.join().map_err(|_| LinkDied))
    }
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
            .field("address", &self.address)
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
