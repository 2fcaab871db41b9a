//! The sockets: frames in, answers out, on whatever runtime it is given.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ridethrough_door::{CannotListen, Door};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::desk::Desk;
use crate::frame::{HEADER_BYTES, Header};
use crate::limits::Limits;
use crate::meters::Ended;

/// A bound, not yet serving, server.
#[derive(Debug)]
pub struct Server {
    door: Door,
}

impl Server {
    /// Binds the address, so that a port in use is known before anything starts.
    pub async fn bind(address: SocketAddr) -> Result<Self, CannotListen> {
        Ok(Self { door: Door::bind("modbus.listen", address).await? })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Serves until the runtime ends. Call it on a runtime.
    pub fn serve(self, desk: Desk, limits: Limits) {
        tokio::spawn(accept(self.door, Arc::new(desk), limits));
    }
}

async fn accept(door: Door, desk: Arc<Desk>, limits: Limits) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    loop {
        let (stream, _) = door.next().await;
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            desk.meters.ended(Ended::TooMany);
            continue;
        };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            desk.meters.connections(1.0);
            if let Err(why) = (Talk { stream, limits }).go_on(&desk).await {
                desk.meters.ended(why);
            }
            desk.meters.connections(-1.0);
            drop(place);
        });
    }
}

/// One connection.
struct Talk {
    stream: TcpStream,
    limits: Limits,
}

impl Talk {
    /// Answers until the other side ends it, or has to be sent away for a reason.
    async fn go_on(&mut self, desk: &Desk) -> Result<(), Ended> {
        let each = Duration::from_secs(1) / self.limits.requests_per_second.max(1);
        let mut turn = Instant::now();
        while let Some((header, request)) = self.frame().await? {
            let early = turn.saturating_duration_since(Instant::now());
            // Even a sleep of nothing takes its turn among timers of a millisecond.
            if !early.is_zero() {
                tokio::time::sleep(early).await;
            }
            turn = Instant::now() + each;
            let answer = header.wrap(&desk.answer(&request, Instant::now()));
            let written = timeout(self.limits.write, self.stream.write_all(&answer)).await;
            if written.map_err(|_| Ended::Unread)?.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next frame; none when there is none any more.
    async fn frame(&mut self) -> Result<Option<(Header, Vec<u8>)>, Ended> {
        let mut header = [0; HEADER_BYTES];
        let begun = timeout(self.limits.idle, self.stream.read(&mut header)).await.map_err(|_| Ended::Idle)?;
        match begun {
            Ok(read @ 1..) => timeout(self.limits.frame, self.rest(header, read)).await.map_err(|_| Ended::Slow)?,
            Ok(0) | Err(_) => Ok(None),
        }
    }

    /// The same frame, of whose header so many bytes are there.
    async fn rest(&mut self, mut bytes: [u8; HEADER_BYTES], read: usize) -> Result<Option<(Header, Vec<u8>)>, Ended> {
        if self.stream.read_exact(bytes.split_at_mut(read).1).await.is_err() {
            return Ok(None);
        }
        let header = Header::parse(bytes).ok_or(Ended::Garbage)?;
        let mut request = vec![0; header.request_bytes()];
        let whole = self.stream.read_exact(&mut request).await.is_ok();
        Ok(whole.then_some((header, request)))
    }
}
