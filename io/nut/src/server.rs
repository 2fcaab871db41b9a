//! The sockets: lines in, answers out, on whatever runtime it is given.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use ridethrough_door::{CannotListen, Door, Full, Pace, Place, Places};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::fault::Fault;
use crate::limits::Limits;
use crate::meters::Ended;
use crate::session::{Answer, Desk, Session};

/// A bound, not yet serving, server.
#[derive(Debug)]
pub struct Server {
    door: Door,
}

impl Server {
    /// Binds the address, so that a port in use is known before anything starts.
    pub async fn bind(address: SocketAddr) -> Result<Self, CannotListen> {
        Ok(Self { door: Door::bind("nut.listen", address).await? })
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
    let places = Places::new(limits.connections_max, limits.connections_of_address_max);
    loop {
        let (stream, from) = door.next().await;
        match places.take(from.ip()) {
            Ok(place) => {
                tokio::spawn(speak(stream, from, place, Arc::clone(&desk), limits));
            }
            Err(Full::All) => desk.meters.ended(Ended::TooMany),
            Err(Full::Address) => desk.meters.ended(Ended::Address),
        }
    }
}

async fn speak(stream: TcpStream, from: SocketAddr, place: Place, desk: Arc<Desk>, limits: Limits) {
    desk.meters.connections(1.0);
    let (read, write) = stream.into_split();
    let mut session = Session::new(from.ip());
    let mut talk = Talk { read: BufReader::with_capacity(limits.line_bytes_max, read), write, limits };
    if let Err(why) = talk.go_on(&mut session, &desk).await {
        desk.meters.ended(why);
    }
    if session.is_logged_in() {
        desk.meters.logins(-1.0);
    }
    desk.meters.connections(-1.0);
    drop(place);
}

/// One connection.
struct Talk {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    limits: Limits,
}

impl Talk {
    /// Answers until the other side ends it, or has to be sent away for a reason.
    async fn go_on(&mut self, session: &mut Session, desk: &Desk) -> Result<(), Ended> {
        let mut pace = Pace::new(self.limits.requests_per_second, Instant::now());
        let mut wrong = 0;
        while let Some(line) = self.line().await? {
            tokio::time::sleep(pace.turn(Instant::now())).await;
            let before = session.is_logged_in();
            let answer = session.answer(desk, &line, Instant::now());
            if session.is_logged_in() && !before {
                desk.meters.logins(1.0);
            }
            if answer == Answer::Wrong {
                wrong += 1;
                tokio::time::sleep(self.limits.wrong_pause).await;
            }
            if !self.tell(&answer).await? || matches!(answer, Answer::Last(_)) {
                return Ok(());
            }
            if wrong >= self.limits.wrong_max {
                return Err(Ended::Wrong);
            }
        }
        Ok(())
    }

    /// The next line without its end; none when there is none any more.
    async fn line(&mut self) -> Result<Option<Vec<u8>>, Ended> {
        let most = self.limits.line_bytes_max;
        let mut line = Vec::new();
        let mut limited = (&mut self.read).take(u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1));
        let read = timeout(self.limits.idle, limited.read_until(b'\n', &mut line)).await.map_err(|_| Ended::Slow)?;
        if read.is_err() {
            return Ok(None);
        }
        if line.pop_if(|last| *last == b'\n').is_none() {
            if line.len() > most {
                let _ = self.tell(&Answer::Refused(Fault::InvalidArgument)).await;
                return Err(Ended::LongLine);
            }
            return Ok(None);
        }
        line.pop_if(|last| *last == b'\r');
        Ok(Some(line))
    }

    /// Whether the other side took it.
    async fn tell(&mut self, answer: &Answer) -> Result<bool, Ended> {
        let shared;
        let text;
        let bytes = if let Answer::Shared(whole) = answer {
            shared = Arc::clone(whole);
            shared.as_bytes()
        } else {
            text = answer.text();
            text.as_bytes()
        };
        let written = timeout(self.limits.write, self.write.write_all(bytes)).await.map_err(|_| Ended::Unread)?;
        Ok(written.is_ok())
    }
}
