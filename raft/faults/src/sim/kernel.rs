//! What of a host goes on while its process stands still: connections are accepted and closed, and bytes wait.
//!
//! ```text
//!  process (a runtime of its own) ──Ask──► kernel (a host of turmoil) ──► network
//!           └────────── pipe, as long as a socket's buffer ──────────┘
//! ```
//!
//! When a process is killed, its ends of the pipes are dropped; the kernel sends what is in them, closes the connections and
//! the port, and refuses calls.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, MutexGuard, PoisonError};

use futures::future::pending;
use ridethrough_raft::network::WATCHER;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, copy_buf, duplex, split};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use turmoil::net::{TcpListener, TcpStream};

use super::net::Simulated;

/// Callers that wait to be accepted.
const BACKLOG: usize = 16;
/// What waits between a socket and a process that does not read, in bytes and each way. More than is written in a tick, and carried whole:
/// signatures differ in length from run to run, and how many segments there are must not.
const SOCKET_BYTES: usize = 256 << 10;

/// One that has called, and from where.
pub type Caller = (DuplexStream, SocketAddr);

/// What a process asks for.
pub enum Ask {
    /// A connection.
    Call {
        /// To whom.
        to: SocketAddr,
        /// Where it is awaited.
        answer: oneshot::Sender<io::Result<DuplexStream>>,
    },
    /// A port that is open for as long as somebody receives from it.
    Open {
        /// Which.
        port: u16,
        /// Where it is awaited.
        answer: oneshot::Sender<io::Result<mpsc::Receiver<Caller>>>,
    },
}

/// The kernel of a host, in all of its lives.
pub struct Kernel {
    network: Simulated,
    /// Kept over power cuts; who asked before one does not wait any more.
    asks: Mutex<mpsc::UnboundedReceiver<Ask>>,
    works: Works,
}

impl Kernel {
    /// The one of this host, which is asked there.
    pub fn new(network: Simulated, asks: mpsc::UnboundedReceiver<Ask>) -> Self {
        Self { network, asks: Mutex::new(asks), works: Works::default() }
    }

    /// Serves until it is dropped.
    pub async fn serve(self: Rc<Self>) -> turmoil::Result {
        // What it did before its power was cut was dropped with it.
        self.works.lock().clear();
        let mut asks = self.asks.lock().await;
        while let Some(ask) = asks.recv().await {
            match ask {
                Ask::Call { to, answer } => self.works.begin(call(self.network.clone(), to, answer)),
                Ask::Open { port, answer } => self.works.begin(open(port, answer, self.works.clone())),
            }
        }
        pending().await
    }

    /// The process is about to be dropped. All that has to do with it finds out in one order in each run of a seed: tokio drops tasks in an
    /// order that rests on how many there were in the whole of the simulation's own process.
    pub fn process_ends(&self) {
        self.works.wake_all();
    }
}

/// What a kernel does at one time, in the order in which it was begun.
#[derive(Clone, Default)]
struct Works {
    bells: Arc<std::sync::Mutex<BTreeMap<u64, Arc<Notify>>>>,
}

impl Works {
    fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (bell, works) = (Arc::new(Notify::new()), self.clone());
        let number = {
            let mut bells = self.lock();
            let number = bells.last_key_value().map_or(0, |(last, _)| last + 1);
            bells.insert(number, Arc::clone(&bell));
            number
        };
        tokio::spawn(async move {
            let woken = async {
                bell.notified().await;
                pending::<()>().await;
            };
            tokio::select! {
                biased;
                () = work => {}
                () = woken => {}
            }
            works.lock().remove(&number);
        });
    }

    fn wake_all(&self) {
        self.lock().values().for_each(|bell| bell.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Notify>>> {
        // Each change is a single one, so a panic elsewhere leaves nothing half done.
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn call(network: Simulated, to: SocketAddr, mut answer: oneshot::Sender<io::Result<DuplexStream>>) {
    let called = tokio::select! {
        biased;
        // Nobody waits any more.
        () = answer.closed() => return,
        called = network.connect(to) => called,
    };
    match called {
        Ok(stream) => {
            let (theirs, ours) = duplex(SOCKET_BYTES);
            if answer.send(Ok(theirs)).is_ok() {
                carry(stream, ours).await;
            }
        }
        // The caller may have given up in this very moment.
        Err(error) => drop(answer.send(Err(error))),
    }
}

async fn open(port: u16, answer: oneshot::Sender<io::Result<mpsc::Receiver<Caller>>>, works: Works) {
    match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await {
        Ok(listener) => {
            let (process, callers) = mpsc::channel(BACKLOG);
            if answer.send(Ok(callers)).is_ok() {
                keep(listener, process, works).await;
            }
        }
        Err(error) => drop(answer.send(Err(error))),
    }
}

/// Accepts until the process closes the port or is gone.
async fn keep(listener: TcpListener, process: mpsc::Sender<Caller>, works: Works) {
    loop {
        tokio::select! {
            biased;
            () = process.closed() => return,
            Ok((stream, address)) = listener.accept() => works.begin(sort(stream, address, process.clone())),
        }
    }
}

/// Tells watchers from other callers by their first byte.
async fn sort(mut stream: TcpStream, address: SocketAddr, process: mpsc::Sender<Caller>) {
    let mut first = [0];
    let peeked = tokio::select! {
        biased;
        () = process.closed() => return,
        peeked = stream.peek(&mut first) => peeked,
    };
    match peeked {
        Ok(1) if first[0] == WATCHER => {
            let until_it_ends = async { while matches!(stream.read(&mut first).await, Ok(1)) {} };
            // It says nothing more: what is read next is its end, or what it is told is that of the process.
            tokio::select! {
                biased;
                () = process.closed() => {}
                () = until_it_ends => {}
            }
        }
        Ok(1) => {
            let (theirs, ours) = duplex(SOCKET_BYTES);
            // Without anybody who accepts there is no replica any more, and this caller is sent away.
            if process.send((theirs, address)).await.is_ok() {
                carry(stream, ours).await;
            }
        }
        _ => {}
    }
}

/// Carries bytes both ways until the process lets go of its end; what it has written before that is sent.
async fn carry(stream: TcpStream, pipe: DuplexStream) {
    let (from_peer, mut to_peer) = stream.into_split();
    let (from_process, mut to_process) = split(pipe);
    let mut from_peer = BufReader::with_capacity(SOCKET_BYTES, from_peer);
    let mut from_process = BufReader::with_capacity(SOCKET_BYTES, from_process);
    let inwards = async {
        // However the peer's words end, the process reads their end and lets go.
        let _ = copy_buf(&mut from_peer, &mut to_process).await;
        let _ = to_process.shutdown().await;
        pending::<()>().await;
    };
    tokio::select! {
        biased;
        _ = copy_buf(&mut from_process, &mut to_peer) => {}
        () = inwards => {}
    }
}
