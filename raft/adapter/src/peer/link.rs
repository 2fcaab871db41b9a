//! The calling side of a connection: keeps it up, numbers requests, hands out answers.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::frame::{Batch, Frame, FrameReader, Kind, write_frame};
use super::refusal::{Refusal, Side, count, is_alert};
use super::tls::{PeerTls, Sink, Source};
use super::{GREETING_DEADLINE, MAGIC, PING_INTERVAL, PROTOCOL_VERSION, SILENCE_MAX};
use crate::codec::wire::{Greeting, Hello, HelloRefusal, Welcome, decode_greeting, encode_hello};
use crate::network::Network;
use crate::vacancy::Vacancy;

/// Requests that wait for the connection's task.
const CALLS_MAX: usize = 64;
/// Requests that wait for an answer.
const PENDING_MAX: usize = 256;
/// The first pause before calling again; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest pause before calling again.
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// So often a peer is called again at once when a connection has ended: a process that is ending may still take a call.
const CALLS_AT_ONCE: u32 = 3;
/// The pause after the peer has refused the caller: a person has to change something first.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// Who calls whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) cluster: [u8; 16],
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) address: SocketAddr,
}

/// Who calls, over what.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tls: PeerTls,
    pub(crate) network: Arc<dyn Network>,
}

/// The way to one peer. The connection ends when the link is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    calls: mpsc::Sender<Call>,
    known: Arc<Known>,
    task: JoinHandle<()>,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// There is no connection.
    NotConnected,
    /// The connection broke while the answer was awaited.
    Broken,
    /// No answer came in time.
    Deadline,
    /// Too many requests are under way.
    Busy,
}

/// What the peer has said of itself.
#[derive(Debug, Default)]
struct Known {
    /// Its shortest election timeout in milliseconds; 0 while unknown.
    election_ms: AtomicU64,
    /// 0 while unknown, 1 when it knows of no committed entry, 2 when it does.
    founded: AtomicU8,
    /// Whether it said, when it was last called, that this replica is no member.
    refused: AtomicBool,
}

struct Call {
    body: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, CallError>>,
}

impl Link {
    /// Begins to call the peer.
    pub(crate) fn start(route: Route, caller: Caller, vacancy: Arc<Vacancy>) -> Self {
        let (calls, queue) = mpsc::channel(CALLS_MAX);
        let known = Arc::new(Known::default());
        let task = tokio::spawn(keep_up(route, caller, queue, Arc::clone(&known), vacancy));
        Self { calls, known, task }
    }

    /// Sends a request; what it returns waits for the answer to it, and outlives the link.
    pub(crate) fn call(
        &self,
        body: Vec<u8>,
        deadline: Duration,
    ) -> impl Future<Output = Result<Vec<u8>, CallError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let sent = self.calls.try_send(Call { body, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CallError::Busy,
            mpsc::error::TrySendError::Closed(_) => CallError::NotConnected,
        });
        async move {
            sent?;
            match timeout(deadline, answered).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(CallError::Broken),
                Err(_) => Err(CallError::Deadline),
            }
        }
    }

    /// The shortest election timeout that the peer has told, if it has been reached.
    pub(crate) fn election(&self) -> Option<Duration> {
        // Pairs with the Release in `Known::note`.
        match self.known.election_ms.load(Ordering::Acquire) {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }

    /// Whether the peer has said that it knows of no committed entry.
    pub(crate) fn is_unfounded(&self) -> bool {
        // Pairs with the Release in `Known::note`.
        self.known.founded.load(Ordering::Acquire) == 1
    }

    /// Whether the peer said, when it was last called, that this replica is no member.
    pub(crate) fn is_refused(&self) -> bool {
        // Read alone; nothing else is published by it.
        self.known.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Known {
    fn note(&self, welcome: Welcome) {
        // Both pair with the Acquire of their readers; the two values are read apart.
        self.election_ms.store(welcome.election_ms, Ordering::Release);
        self.founded.store(if welcome.founded { 2 } else { 1 }, Ordering::Release);
        self.refused.store(false, Ordering::Relaxed);
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConnected => "not connected",
            Self::Broken => "the connection broke",
            Self::Deadline => "no answer in time",
            Self::Busy => "too many requests under way",
        })
    }
}

impl std::error::Error for CallError {}

/// Connects, serves the connection until it breaks, and begins again.
async fn keep_up(
    route: Route,
    caller: Caller,
    mut calls: mpsc::Receiver<Call>,
    known: Arc<Known>,
    vacancy: Arc<Vacancy>,
) {
    let mut pause = PAUSE_MIN;
    let mut told = None;
    let mut at_once = 0;
    loop {
        let meetings = vacancy.meetings(route.to);
        let Some(connected) = refusing(&mut calls, connect(route, &caller)).await else { return };
        match connected {
            Ok((connection, welcome)) => {
                tracing::info!(to = route.to, address = %route.address, "connected to peer");
                known.note(welcome);
                vacancy.met(route.to);
                (pause, told, at_once) = (PAUSE_MIN, None, CALLS_AT_ONCE);
                let error = connection.serve(&mut calls).await;
                tracing::info!(to = route.to, %error, "connection to peer ended");
            }
            Err(error) => {
                if error.nobody_listens() {
                    vacancy.gone(route.to, meetings);
                    at_once = 0;
                }
                if matches!(error, ConnectError::Refused(HelloRefusal::UnknownCaller)) {
                    known.refused.store(true, Ordering::Relaxed);
                }
                pause = if error.needs_a_person() { REFUSED_PAUSE } else { pause };
                // A peer that stays away is told once, not fifty times a second.
                let text = error.to_string();
                if told.as_ref() != Some(&text) {
                    tracing::warn!(to = route.to, address = %route.address, error = text, "cannot reach peer");
                    told = Some(text);
                }
            }
        }
        if at_once > 0 {
            at_once -= 1;
            tokio::task::yield_now().await;
            continue;
        }
        let Some(()) = refusing(&mut calls, sleep(pause)).await else { return };
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Answers every call with "not connected" while `work` goes on. `None` when nobody can call any more.
async fn refusing<T>(calls: &mut mpsc::Receiver<Call>, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            call = calls.recv() => {
                // The caller may have given up already; then nobody waits for this.
                let _ = call?.answer.send(Err(CallError::NotConnected));
            }
        }
    }
}

#[derive(Debug)]
pub(super) enum ConnectError {
    Deadline,
    Io(io::Error),
    Refused(HelloRefusal),
    /// The peer is not believed.
    NotBelieved(Refusal),
    /// The peer does not believe this replica; what its TLS says.
    Alert(rustls::Error),
    Strange,
}

impl ConnectError {
    /// Whether the peer's host says that no process listens there.
    fn nobody_listens(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Sorts what ended a connection before the greeting, and counts it when it was this replica's judgement.
    fn of(error: io::Error) -> Self {
        if let Some(refusal) = Refusal::of(&error) {
            count(Side::Called, refusal);
            return Self::NotBelieved(refusal);
        }
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(alert) if is_alert(alert) => Self::Alert(alert.clone()),
            _ => Self::Io(error),
        }
    }

    /// Whether calling again soon is of no use.
    fn needs_a_person(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NotBelieved(_) | Self::Alert(_))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("no greeting in time"),
            Self::Io(error) => error.fmt(f),
            Self::Refused(HelloRefusal::NotAPeer | HelloRefusal::Version) => {
                f.write_str("it speaks another version: bring all replicas to one release")
            }
            Self::Refused(HelloRefusal::OtherCluster) => {
                f.write_str("it belongs to another cluster: check the cluster id and the address")
            }
            Self::Refused(HelloRefusal::OtherReplica) => {
                f.write_str("another replica listens there: check the addresses of the peers")
            }
            Self::Refused(HelloRefusal::UnknownCaller) => {
                f.write_str("it does not have this replica among its members: ")?;
                f.write_str("it was forgotten, or is not added yet (`ridectl cluster add` at the leader)")
            }
            Self::Refused(HelloRefusal::Certificate) => {
                f.write_str("it says that this replica's certificate names another: check peer_tls")
            }
            Self::NotBelieved(refusal) => write!(f, "it is not believed: its certificate {refusal}"),
            Self::Alert(error) => write!(f, "it does not believe this replica's certificate ({error}): check peer_tls"),
            Self::Strange => f.write_str("it does not greet like a replica: check the address"),
        }
    }
}

pub(super) async fn connect(route: Route, caller: &Caller) -> Result<(Connection, Welcome), ConnectError> {
    timeout(GREETING_DEADLINE, greet(route, caller)).await.unwrap_or(Err(ConnectError::Deadline))
}

async fn greet(route: Route, caller: &Caller) -> Result<(Connection, Welcome), ConnectError> {
    let stream = caller.network.call(route.address).await.map_err(ConnectError::Io)?;
    let stream = caller.tls.call(stream, route.to).await.map_err(ConnectError::of)?;
    let (source, mut sink) = tokio::io::split(stream);
    let Route { cluster, from, to, .. } = route;
    let hello = Hello { magic: MAGIC, version: PROTOCOL_VERSION, cluster, from, to };
    let body = encode_hello(&hello).map_err(|error| ConnectError::Io(io::Error::other(error)))?;
    write_frame(&mut sink, &Frame { kind: Kind::Hello, id: 0, body }).await.map_err(ConnectError::of)?;
    let mut frames = FrameReader::new(source);
    let frame = frames.next().await.map_err(ConnectError::of)?;
    let greeting = if frame.kind == Kind::Greeting { decode_greeting(&frame.body).ok() } else { None };
    match greeting {
        Some(Greeting::Welcome(welcome)) => {
            frames.accept_all();
            Ok((Connection { frames, sink, pending: BTreeMap::new(), next_id: 1 }, welcome))
        }
        Some(Greeting::Refused(refusal)) => Err(ConnectError::Refused(refusal)),
        None => Err(ConnectError::Strange),
    }
}

pub(super) struct Connection {
    frames: FrameReader<Source>,
    sink: Sink,
    pending: BTreeMap<u64, oneshot::Sender<Result<Vec<u8>, CallError>>>,
    next_id: u64,
}

impl Connection {
    /// Carries requests and answers until the connection breaks.
    async fn serve(mut self, calls: &mut mpsc::Receiver<Call>) -> io::Error {
        let mut ticks = interval(PING_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let step = tokio::select! {
                biased;
                frame = self.frames.next() => {
                    heard = Instant::now();
                    frame.and_then(|frame| self.take(frame))
                }
                call = calls.recv() => match call {
                    Some(call) => self.send(call, calls).await,
                    None => return io::ErrorKind::ConnectionAborted.into(),
                },
                _ = ticks.tick() => self.ping(heard).await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    fn take(&mut self, frame: Frame) -> io::Result<()> {
        match frame.kind {
            Kind::Answer => {
                if let Some(waiting) = self.pending.remove(&frame.id) {
                    // The caller may have given up already; then nobody waits for this.
                    let _ = waiting.send(Ok(frame.body));
                }
                Ok(())
            }
            Kind::Pong => Ok(()),
            Kind::Hello | Kind::Greeting | Kind::Request | Kind::Ping => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the peer does not keep to the protocol"))
            }
        }
    }

    /// Sends a request, and those that wait behind it along with it.
    async fn send(&mut self, first: Call, waiting: &mut mpsc::Receiver<Call>) -> io::Result<()> {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(call) = next {
            self.number(call, &mut batch)?;
            next = if batch.is_full() { None } else { waiting.try_recv().ok() };
        }
        batch.write(&mut self.sink).await
    }

    fn number(&mut self, call: Call, batch: &mut Batch) -> io::Result<()> {
        if self.pending.len() >= PENDING_MAX {
            self.pending.retain(|_, waiting| !waiting.is_closed());
        }
        if self.pending.len() >= PENDING_MAX {
            let _ = call.answer.send(Err(CallError::Busy));
            return Ok(());
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.pending.insert(id, call.answer);
        batch.add(&Frame { kind: Kind::Request, id, body: call.body })
    }

    async fn ping(&mut self, heard: Instant) -> io::Result<()> {
        self.pending.retain(|_, waiting| !waiting.is_closed());
        if heard.elapsed() > SILENCE_MAX {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer is silent"));
        }
        write_frame(&mut self.sink, &Frame { kind: Kind::Ping, id: 0, body: Vec::new() }).await
    }
}
