//! The peer port, kept by a thread whose files are its own, so that a killed process lets go of it at once.
//!
//! The kernel closes the files of a process that ends when its last thread has ended, and before that it gives back the
//! memory of all: ten milliseconds for a replica. A thread that shares its files with nobody (`unshare(CLONE_FILES)`) lets go
//! of them as soon as it ends itself, which is at once. So the listening socket lies with this thread alone, and so do the
//! connections of *watchers*: peers that say nothing and wait for the connection to end.
//!
//! ```text
//!            ┌─ first byte `W` ──► kept here until one of both ends: a watcher
//!  accept ───┤
//!            └─ anything else ──SCM_RIGHTS──► the runtime: TLS, greeting, requests
//! ```

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use tokio::io::Interest;

use super::GREETING_DEADLINE;
use crate::network::WATCHER;

/// Callers that have not said a byte yet; beyond it the oldest is sent away.
const SILENT_MAX: usize = 32;
/// Watchers; beyond it the oldest is sent away, and comes back.
const WATCHERS_MAX: usize = 16;
/// How long the thread sleeps at most.
const LOOK: Duration = Duration::from_millis(100);
/// How long it rests when the system has no more files.
const REST: Duration = Duration::from_millis(5);

/// The peer port. It is closed when this is dropped.
#[derive(Debug)]
pub(crate) struct Doorman {
    /// None only while it is dropped.
    handed: Option<tokio::net::UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Doorman {
    /// Opens the port.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let (inner, outer) = UnixStream::pair()?;
        inner.set_nonblocking(true)?;
        outer.set_nonblocking(true)?;
        // A thread of the runtime starts it, so that it is scheduled as those are.
        let thread = tokio::task::spawn_blocking(move || start(address, inner)).await.map_err(io::Error::other)??;
        Ok(Self { handed: Some(tokio::net::UnixStream::from_std(outer)?), thread: Some(thread) })
    }

    /// The next caller that is no watcher.
    pub(crate) async fn accept(&self) -> io::Result<(tokio::net::TcpStream, SocketAddr)> {
        loop {
            let Some(handed) = &self.handed else { return Err(io::ErrorKind::NotConnected.into()) };
            let file = handed.async_io(Interest::READABLE, || receive(handed)).await?;
            let stream = TcpStream::from(file);
            // One that has gone already is nobody.
            let Ok(address) = stream.peer_addr() else { continue };
            stream.set_nonblocking(true)?;
            return Ok((tokio::net::TcpStream::from_std(stream)?, address));
        }
    }
}

impl Drop for Doorman {
    fn drop(&mut self) {
        // The thread sees it at once and ends; only then may somebody else open the port.
        self.handed = None;
        self.thread.take().map(JoinHandle::join);
    }
}

/// Starts the thread, once its port is open.
fn start(address: SocketAddr, inner: UnixStream) -> io::Result<JoinHandle<()>> {
    let (opened, hears) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("peer-port".into());
    let thread = thread.spawn(move || match open(address, &inner) {
        Ok(listener) => {
            // Whoever has gone away has dropped the other end, too.
            let _ = opened.send(Ok(()));
            let _open = OnlyGoodbyeCloses;
            Door { listener, inner, silent: VecDeque::new(), watchers: VecDeque::new() }.keep();
        }
        Err(error) => drop(opened.send(Err(error))),
    })?;
    let panicked = |_| io::Error::other("the thread of the peer port panicked");
    hears.recv().map_err(panicked)?.map(|()| thread)
}

/// Makes this thread's files its own, leaves it only `inner` of them, and opens the port.
fn open(address: SocketAddr, inner: &UnixStream) -> io::Result<TcpListener> {
    unshare(CloneFlags::CLONE_FILES)?;
    for file in open_files()? {
        if file > 2 && file != inner.as_raw_fd() {
            // The one that lists them is closed by now.
            let _ = nix::unistd::close(file);
        }
    }
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn open_files() -> io::Result<Vec<RawFd>> {
    let names = std::fs::read_dir("/proc/thread-self/fd")?;
    Ok(names.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// Peers take a closed port for a process that has ended, so a panic of this thread alone must end it.
struct OnlyGoodbyeCloses;

impl Drop for OnlyGoodbyeCloses {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

struct Door {
    listener: TcpListener,
    inner: UnixStream,
    /// Callers that have not said a byte yet, and until when they may wait.
    silent: VecDeque<(TcpStream, Instant)>,
    watchers: VecDeque<TcpStream>,
}

impl Door {
    fn keep(mut self) {
        while self.wait() {
            self.accept();
            self.sort();
            self.watchers.retain(|watcher| !has_ended(watcher));
        }
    }

    /// Sleeps until something happens; false when nobody wants callers any more.
    fn wait(&self) -> bool {
        let files = [self.inner.as_fd(), self.listener.as_fd()].into_iter();
        let callers = self.silent.iter().map(|(stream, _)| stream.as_fd());
        let files = files.chain(callers).chain(self.watchers.iter().map(AsFd::as_fd));
        let mut polled: Vec<PollFd<'_>> = files.map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)).collect();
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
        if poll(&mut polled, Some(&timeout)).is_err() {
            std::thread::sleep(REST);
            return true;
        }
        !polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_ok() {
                        keep_most(&mut self.silent, SILENT_MAX, (stream, Instant::now() + GREETING_DEADLINE));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Without a free descriptor this would be a busy loop.
                    return std::thread::sleep(REST);
                }
            }
        }
    }

    /// Tells watchers from other callers by their first byte.
    fn sort(&mut self) {
        let now = Instant::now();
        for (stream, until) in std::mem::take(&mut self.silent) {
            let mut first = [0];
            match stream.peek(&mut first) {
                Ok(1) if first[0] == WATCHER => {
                    // The byte is there: taking it cannot fail, and left alone it would never let this thread sleep.
                    let _ = (&stream).read(&mut first);
                    keep_most(&mut self.watchers, WATCHERS_MAX, stream);
                }
                // When the runtime takes no more callers, this one is sent away: it calls again.
                Ok(1) => drop(send(&self.inner, &stream)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && now < until => {
                    self.silent.push_back((stream, until));
                }
                _ => {}
            }
        }
    }
}

/// Whether the other end has gone, or says more than a watcher has to say.
fn has_ended(watcher: &TcpStream) -> bool {
    !matches!(watcher.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn keep_most<T>(kept: &mut VecDeque<T>, most: usize, one: T) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(one);
}

/// Hands a connection over.
fn send(to: &UnixStream, stream: &TcpStream) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [stream.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(to, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Takes a connection over.
fn receive(from: &tokio::net::UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::Error::other("the thread of the peer port has ended"));
    }
    let files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    files.last().ok_or_else(|| io::ErrorKind::WouldBlock.into())
}
