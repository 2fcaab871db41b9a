//! The network as a simulated process sees it: whatever it wants, it asks its host's kernel for.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use futures::FutureExt;
use futures::future::BoxFuture;
use ridethrough_raft::network::{Network, Port, Stream};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::kernel::{Ask, Caller};

/// The way to the kernel.
#[derive(Clone)]
pub struct Sockets {
    asks: mpsc::UnboundedSender<Ask>,
}

impl Sockets {
    /// Those of a host, and what its kernel is asked through them.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Ask>) {
        let (asks, asked) = mpsc::unbounded_channel();
        (Self { asks }, asked)
    }

    /// Asks, and waits for as long as the kernel takes: one that has lost its power answers nothing.
    fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(oneshot::Sender<io::Result<T>>) -> Ask,
    ) -> BoxFuture<'static, io::Result<T>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.asks.send(ask(answer));
        async move {
            sent.map_err(|_| io::ErrorKind::NotConnected)?;
            answered.await.unwrap_or_else(|_| Err(io::ErrorKind::NotConnected.into()))
        }
        .boxed()
    }
}

/// An open port.
struct Opened {
    callers: Mutex<mpsc::Receiver<Caller>>,
}

impl Network for Sockets {
    fn call(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Stream>> {
        let called = self.ask(|answer| Ask::Call { to: address, answer });
        async move { Ok(Box::new(called.await?) as Stream) }.boxed()
    }

    fn open(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Port>>> {
        let opened = self.ask(|answer| Ask::Open { port: address.port(), answer });
        async move { Ok(Box::new(Opened { callers: Mutex::new(opened.await?) }) as Box<dyn Port>) }.boxed()
    }
}

impl Port for Opened {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Stream, SocketAddr)>> {
        async move {
            let called = self.callers.lock().await.recv().await;
            let (stream, address) = called.ok_or(io::ErrorKind::NotConnected)?;
            Ok((Box::new(stream) as Stream, address))
        }
        .boxed()
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sockets")
    }
}
