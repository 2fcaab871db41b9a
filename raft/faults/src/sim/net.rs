//! The network between the simulated hosts, as replicas see it.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ridethrough_raft::network::{Network, Port, Stream, WATCHER};
use tokio::io::AsyncReadExt;
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use turmoil::net::{TcpListener, TcpStream};

/// Callers that wait to be accepted.
const BACKLOG: usize = 16;
/// How long a kernel's refusal is under way.
const ANSWER: Duration = Duration::from_millis(1);

/// Who is there, and what lies between them: what turmoil does not tell, or tells otherwise than a machine's kernel would.
#[derive(Debug, Default)]
pub struct Air {
    state: std::sync::Mutex<AirState>,
}

#[derive(Debug, Default)]
struct AirState {
    /// Hosts that run and whose process does not: their kernels refuse calls.
    killed: BTreeSet<IpAddr>,
    /// From where to where nothing comes through.
    blocked: BTreeSet<(IpAddr, IpAddr)>,
    /// How often any of it changed.
    changes: u64,
}

impl Air {
    /// Whether a host's process was killed.
    pub fn set_killed(&self, host: IpAddr, killed: bool) {
        self.change(|state| if killed { state.killed.insert(host) } else { state.killed.remove(&host) });
    }

    /// Whether nothing comes through from one to the other.
    pub fn set_blocked(&self, from: IpAddr, to: IpAddr, blocked: bool) {
        self.change(|state| if blocked { state.blocked.insert((from, to)) } else { state.blocked.remove(&(from, to)) });
    }

    fn change(&self, change: impl FnOnce(&mut AirState) -> bool) {
        let mut state = self.lock();
        if change(&mut state) {
            state.changes += 1;
        }
    }

    fn changes(&self) -> u64 {
        self.lock().changes
    }

    fn is_blocked(&self, one: IpAddr, other: IpAddr) -> bool {
        let state = self.lock();
        state.blocked.contains(&(one, other)) || state.blocked.contains(&(other, one))
    }

    /// Whether a call would be refused by the kernel of the host that is called.
    fn is_refused(&self, from: IpAddr, to: IpAddr) -> bool {
        !self.is_blocked(from, to) && self.lock().killed.contains(&to)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, AirState> {
        // Each change is a single one, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// turmoil's network, as a host sees it.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The host's own address.
    pub own: IpAddr,
    /// What all hosts share.
    pub air: Arc<Air>,
}

impl Simulated {
    /// Calls. turmoil refuses what the network swallows, and swallows what a kernel refuses: here it is told apart.
    async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let before = self.air.changes();
        if self.air.is_refused(self.own, address.ip()) {
            // Not sent at all: it would lie at the host until that runs again.
            sleep(ANSWER).await;
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let mut calling = std::pin::pin!(TcpStream::connect(address));
        loop {
            tokio::select! {
                biased;
                called = &mut calling => {
                    let swallowed = called.is_err()
                        && (self.air.changes() != before || self.air.is_blocked(self.own, address.ip()));
                    if swallowed {
                        return futures::future::pending().await;
                    }
                    return called;
                }
                () = sleep(ANSWER) => {
                    if self.air.is_refused(self.own, address.ip()) {
                        return Err(io::ErrorKind::ConnectionRefused.into());
                    }
                }
            }
        }
    }
}

/// An open port and who keeps it.
struct Kept {
    callers: Mutex<mpsc::Receiver<(TcpStream, SocketAddr)>>,
    keeper: JoinHandle<()>,
}

impl Network for Simulated {
    fn call(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Stream>> {
        let called = self.clone().connect(address);
        async move { Ok(Box::new(called.await?) as Stream) }.boxed()
    }

    fn open(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Port>>> {
        async move {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await?;
            let (hand_over, callers) = mpsc::channel(BACKLOG);
            let keeper = tokio::spawn(keep(listener, hand_over));
            Ok(Box::new(Kept { callers: Mutex::new(callers), keeper }) as Box<dyn Port>)
        }
        .boxed()
    }
}

impl Port for Kept {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Stream, SocketAddr)>> {
        async move {
            let called = self.callers.lock().await.recv().await;
            let (stream, address) = called.ok_or(io::ErrorKind::NotConnected)?;
            Ok((Box::new(stream) as Stream, address))
        }
        .boxed()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Accepts until it is dropped, and with it all watchers.
async fn keep(listener: TcpListener, hand_over: mpsc::Sender<(TcpStream, SocketAddr)>) {
    let mut underway = JoinSet::new();
    while let Ok((stream, address)) = listener.accept().await {
        while underway.try_join_next().is_some() {}
        underway.spawn(sort(stream, address, hand_over.clone()));
    }
}

/// Tells watchers from other callers by their first byte.
async fn sort(mut stream: TcpStream, address: SocketAddr, hand_over: mpsc::Sender<(TcpStream, SocketAddr)>) {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first[0] == WATCHER => {
            // It says nothing more: what is read next is its end.
            while matches!(stream.read(&mut first).await, Ok(1)) {}
        }
        // Without anybody who accepts there is no replica any more, and this caller is sent away.
        Ok(1) => drop(hand_over.send((stream, address)).await),
        _ => {}
    }
}
