//! The seam between replicas and the network, where simulation puts another: below TLS, above bytes.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::peer::doorman::Doorman;

/// The first byte of a caller who says nothing more and waits for the connection to end; TLS begins with another. Whoever
/// keeps a port keeps such a connection, unread, for as long as the process lives.
pub const WATCHER: u8 = b'W';

/// Both directions of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection to a peer.
pub type Stream = Box<dyn Duplex>;

/// How replicas reach each other.
pub trait Network: Debug + Send + Sync + 'static {
    /// Calls whoever listens there. [`io::ErrorKind::ConnectionRefused`] says that no process does.
    fn call(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Stream>>;

    /// Opens a port for callers; it is closed when it is dropped.
    fn open(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Port>>>;
}

/// An open port.
pub trait Port: Send + Sync {
    /// The next caller that is no watcher, and where it called from.
    fn accept(&self) -> BoxFuture<'_, io::Result<(Stream, SocketAddr)>>;
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Network for Tcp {
    fn call(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Stream>> {
        async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Stream)
        }
        .boxed()
    }

    fn open(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Port>>> {
        async move { Ok(Box::new(Doorman::open(address).await?) as Box<dyn Port>) }.boxed()
    }
}

impl Port for Doorman {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Stream, SocketAddr)>> {
        async move {
            let (stream, address) = Self::accept(self).await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream) as Stream, address))
        }
        .boxed()
    }
}
