//! Connections that are cut off when nothing goes through them any more: a viewer that takes nothing, one that is gone without
//! a word, a caller that says nothing.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::events::VIEWERS_MAX;

/// A connection through which nothing went for so long is cut off. Viewers are told something every two seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// At most so many connections; those above wait for a place.
const CONNECTIONS_MAX: usize = VIEWERS_MAX + 64;
/// What the system keeps for a caller that does not take it, in bytes (it takes twice of that for its own accounting).
const UNSENT_BYTES: usize = 128 << 10;

/// Listens, and is patient for so long with whoever calls.
pub struct PatientListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl PatientListener {
    /// Around a bound listener.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Listener for PatientListener {
    type Io = PatientStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // Nobody closes the semaphore; without it there would be no limit, not no service.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Both cost comfort and nothing else when they fail.
        let _ = SockRef::from(&stream).set_send_buffer_size(UNSENT_BYTES);
        let _ = stream.set_nodelay(true);
        (PatientStream::new(stream, place), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection with a deadline that moves on with every byte.
pub struct PatientStream {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl PatientStream {
    fn new(stream: TcpStream, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { stream, deadline: Box::pin(sleep(PATIENCE)), _place: place }
    }

    /// What came of a try: bytes move the deadline on, and waiting past it is an error.
    fn judge<T>(&mut self, context: &mut Context<'_>, tried: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match tried {
            Poll::Ready(done) => {
                self.deadline.as_mut().reset(Instant::now() + PATIENCE);
                Poll::Ready(done)
            }
            Poll::Pending if self.deadline.as_mut().poll(context).is_ready() => {
                Poll::Ready(Err(ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.stream).poll_read(context, into);
        self.judge(context, tried)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, tried)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_nothing_is_cut_off_and_one_who_does_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut patient = PatientListener::new(listener);
        let mut caller = TcpStream::connect(address).await.expect("listens");
        let (mut stream, _) = patient.accept().await;
        assert_eq!(patient.places.available_permits(), CONNECTIONS_MAX - 1);
        stream.write_all(b"news").await.expect("taken");
        caller.read_exact(&mut [0; 4]).await.expect("told");
        // More than the system takes, and nobody reads.
        let heap = vec![0; 64 << 20];
        let error = stream.write_all(&heap).await.expect_err("nobody takes it");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(stream);
        assert_eq!(patient.places.available_permits(), CONNECTIONS_MAX);
    }
}
