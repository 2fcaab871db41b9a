//! The sockets: HTTP over TLS, on whatever runtime it is given. There is no plain-text mode, since passwords come in.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ridethrough_door::{CannotListen, Door, Full as NoPlace, Places};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::desk::{Desk, Question, Refusal, refused};
use crate::identity::Identity;
use crate::message::Message;
use crate::meters::{Ended, Outcome};

/// A bound, not yet serving, service.
#[derive(Debug)]
pub struct Server {
    door: Door,
}

impl Server {
    /// Binds the address, so that a port in use is known before anything starts.
    pub async fn bind(address: SocketAddr) -> Result<Self, CannotListen> {
        Ok(Self { door: Door::bind("redfish.listen", address).await? })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Serves until the runtime ends. Call it on a runtime.
    pub fn serve(self, desk: Desk, identity: &Identity) {
        let tls = TlsAcceptor::from(Arc::clone(&identity.0));
        tokio::spawn(accept(self.door, tls, Arc::new(desk)));
    }
}

async fn accept(door: Door, tls: TlsAcceptor, desk: Arc<Desk>) {
    let places = Places::new(desk.limits.connections_max, desk.limits.connections_of_address_max);
    loop {
        let (stream, from) = door.next().await;
        let place = match places.take(from.ip()) {
            Ok(place) => place,
            Err(full) => {
                desk.meters.ended(match full {
                    NoPlace::All => Ended::TooMany,
                    NoPlace::Address => Ended::TooManyOfAddress,
                });
                continue;
            }
        };
        let (desk, tls) = (Arc::clone(&desk), tls.clone());
        tokio::spawn(async move {
            desk.meters.connections(1.0);
            if let Err(why) = speak(stream, from.ip(), &tls, &desk).await {
                desk.meters.ended(why);
            }
            desk.meters.connections(-1.0);
            drop(place);
        });
    }
}

/// One connection, to its end.
async fn speak(stream: TcpStream, from: IpAddr, tls: &TlsAcceptor, desk: &Arc<Desk>) -> Result<(), Ended> {
    let limits = desk.limits;
    let agreed = timeout(limits.handshake, tls.accept(stream)).await;
    let stream = agreed.map_err(|_| Ended::Tls)?.map_err(|_| Ended::Tls)?;
    let turn = Arc::new(Mutex::new(Instant::now()));
    let service = service_fn(move |request| {
        let (desk, turn) = (Arc::clone(desk), Arc::clone(&turn));
        async move { Ok::<_, Infallible>(answer(&desk, &turn, request, from).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head);
    http.max_headers(limits.headers_max).max_buf_size(limits.head_bytes_max);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    if let Ok(ended) = timeout(limits.connection, connection.as_mut()).await {
        return ended.map_err(|_| Ended::Http);
    }
    // A poller that keeps its connection is asked to open another one; who takes no answer is not waited for.
    connection.as_mut().graceful_shutdown();
    timeout(limits.parting, connection).await.map_err(|_| Ended::Late)?.map_err(|_| Ended::Http)
}

async fn answer(desk: &Desk, turn: &Mutex<Instant>, request: Request<Incoming>, from: IpAddr) -> Response<Full<Bytes>> {
    let early = early(turn, desk.limits.requests_per_second);
    // Even a sleep of nothing takes its turn among timers of a millisecond.
    if !early.is_zero() {
        sleep(early).await;
    }
    let (head, body) = request.into_parts();
    let body = if desk.wants_body(&head.method, head.uri.path()) {
        match receive(desk, body).await {
            Ok(body) => body,
            Err((status, message)) => {
                desk.meters.request(Outcome::Malformed);
                return refused(&Refusal::new(status, message, Outcome::Malformed)).response;
            }
        }
    } else {
        Bytes::new()
    };
    let (path, query) = (head.uri.path(), head.uri.query());
    let question = Question { method: &head.method, path, query, headers: &head.headers, body, from };
    let reply = desk.answer(&question, Instant::now());
    if reply.is_late {
        sleep(desk.limits.wrong_pause).await;
    }
    reply.response
}

/// How long a request has to wait for its turn.
fn early(turn: &Mutex<Instant>, per_second: u32) -> Duration {
    let now = Instant::now();
    let mut turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let early = turn.saturating_duration_since(now);
    *turn = now + early + Duration::from_secs(1) / per_second.max(1);
    early
}

async fn receive(desk: &Desk, body: Incoming) -> Result<Bytes, (StatusCode, Message)> {
    let limits = &desk.limits;
    let too_large = (StatusCode::PAYLOAD_TOO_LARGE, Message::TooLarge);
    if body.size_hint().lower() > limits.body_bytes_max as u64 {
        return Err(too_large);
    }
    match timeout(limits.body, Limited::new(body, limits.body_bytes_max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, Message::Unrecognized)),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, Message::Unrecognized)),
    }
}
