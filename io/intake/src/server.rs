//! The HTTP side: one path, POST only, on whatever runtime it is given. What is cheap to refuse is refused first.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ALLOW, AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ridethrough_door::{CannotListen, Door};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::intake::{Intake, Now};
use crate::limits::CONNECTION_BYTES;
use crate::meters::{Meters, Outcome};
use crate::negotiation::{UNDERSTOOD, message};
use crate::rate::Rate;
use crate::tally::Tally;
use crate::token::Token;
use crate::wire::Message;

/// Where senders push to.
const PATH: &str = "/api/v1/write";
/// How long a connection may stand without a whole request head; also how long an idle one is kept.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// When a sender that was sent away should come again, seconds.
const RETRY_AFTER_SECONDS: &str = "1";
/// Counts of what was written, as 2.0 demands.
const WRITTEN: [&str; 3] = [
    "x-prometheus-remote-write-samples-written",
    "x-prometheus-remote-write-histograms-written",
    "x-prometheus-remote-write-exemplars-written",
];

type Answer = Response<Full<Bytes>>;

/// A bound, not yet serving, intake.
#[derive(Debug)]
pub struct Server {
    door: Door,
}

/// What every connection shares.
struct Desk {
    intake: Arc<Intake>,
    token: Option<Token>,
    rate: Rate,
    at_once: Semaphore,
    meters: Meters,
}

/// A request that is not worked on.
struct Declined {
    outcome: Outcome,
    status: StatusCode,
    reason: String,
}

impl Server {
    /// Binds the address, so that a port in use is known before anything starts.
    pub async fn bind(address: SocketAddr) -> Result<Self, CannotListen> {
        Ok(Self { door: Door::bind("intake.listen", address).await? })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Serves until the runtime ends. Call it on a runtime, after the metrics' recorder was installed. Without a token
    /// everybody who reaches the address may push.
    pub fn serve(self, intake: Arc<Intake>, token: Option<Token>) {
        let limits = *intake.limits();
        let desk = Arc::new(Desk {
            intake,
            token,
            rate: Rate::new(limits.requests_per_second_max, Instant::now()),
            at_once: Semaphore::new(limits.requests_at_once_max),
            meters: Meters::new(),
        });
        let connections = Arc::new(Semaphore::new(limits.connections_max));
        tokio::spawn(accept(self.door, desk, connections));
    }
}

async fn accept(door: Door, desk: Arc<Desk>, connections: Arc<Semaphore>) {
    loop {
        let (stream, _) = door.next().await;
        let Ok(place) = Arc::clone(&connections).try_acquire_owned() else {
            desk.meters.connection_refused();
            continue;
        };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            speak(stream, desk).await;
            drop(place);
        });
    }
}

async fn speak(stream: TcpStream, desk: Arc<Desk>) {
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
    connection.max_headers(HEADERS_MAX).max_buf_size(CONNECTION_BYTES);
    // A connection that breaks has been answered as far as it can be.
    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        match self.serve(request).await {
            Ok(answer) => answer,
            Err(Declined { outcome, status, reason }) => {
                self.meters.request(outcome);
                said(status, reason)
            }
        }
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Answer, Declined> {
        self.admit(&request)?;
        let message = message(request.headers())
            .ok_or_else(|| declined(Outcome::Unsupported, StatusCode::UNSUPPORTED_MEDIA_TYPE, UNDERSTOOD.to_owned()))?;
        let answer = self.work(message, request.into_body()).await;
        // 2.0 wants the counts whatever became of the request, once its message is understood.
        Ok(match answer {
            Ok((answer, tally)) => written(answer, message, &tally),
            Err(Declined { outcome, status, reason }) => {
                self.meters.request(outcome);
                written(said(status, reason), message, &Tally::default())
            }
        })
    }

    fn admit(&self, request: &Request<Incoming>) -> Result<(), Declined> {
        if request.uri().path() != PATH {
            return Err(declined(Outcome::Elsewhere, StatusCode::NOT_FOUND, format!("expected POST {PATH}")));
        }
        if request.method() != Method::POST {
            return Err(declined(Outcome::Elsewhere, StatusCode::METHOD_NOT_ALLOWED, "expected POST".into()));
        }
        let shown = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        if self.token.as_ref().is_some_and(|token| !token.opens(shown)) {
            let reason = "expected Authorization: Bearer with the token of this replica".into();
            return Err(declined(Outcome::Unauthorized, StatusCode::UNAUTHORIZED, reason));
        }
        if !self.rate.take(Instant::now()) {
            let reason = "more requests in a second than are taken".into();
            return Err(declined(Outcome::Rate, StatusCode::TOO_MANY_REQUESTS, reason));
        }
        Ok(())
    }

    async fn work(&self, message: Message, body: Incoming) -> Result<(Answer, Tally), Declined> {
        let Ok(_place) = self.at_once.try_acquire() else {
            let reason = "more requests at once than are taken".into();
            return Err(declined(Outcome::Busy, StatusCode::SERVICE_UNAVAILABLE, reason));
        };
        let body = self.receive(body).await?;
        let begun = Instant::now();
        let tally = self.intake.write(message, &body, now()).map_err(|refused| {
            let (outcome, status) = if refused.is_too_large() {
                (Outcome::TooLarge, StatusCode::PAYLOAD_TOO_LARGE)
            } else {
                (Outcome::Malformed, StatusCode::BAD_REQUEST)
            };
            declined(outcome, status, refused.to_string())
        })?;
        self.meters.tally(&tally, begun.elapsed());
        if tally.refused() > 0 {
            self.meters.request(Outcome::Partial);
            return Ok((said(StatusCode::BAD_REQUEST, tally.to_string()), tally));
        }
        self.meters.request(Outcome::Ok);
        Ok((said(StatusCode::NO_CONTENT, String::new()), tally))
    }

    async fn receive(&self, body: Incoming) -> Result<Bytes, Declined> {
        let limits = self.intake.limits();
        let too_large = || {
            let reason = format!("the body has more than {} bytes", limits.body_bytes_max);
            declined(Outcome::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, reason)
        };
        if body.size_hint().lower() > limits.body_bytes_max as u64 {
            return Err(too_large());
        }
        let whole = Limited::new(body, limits.body_bytes_max).collect();
        match tokio::time::timeout(limits.read_deadline(), whole).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(declined(Outcome::Slow, StatusCode::BAD_REQUEST, "the body broke off".into())),
            Err(_) => Err(declined(Outcome::Slow, StatusCode::REQUEST_TIMEOUT, "the body came too slowly".into())),
        }
    }
}

fn declined(outcome: Outcome, status: StatusCode, reason: String) -> Declined {
    Declined { outcome, status, reason }
}

fn said(status: StatusCode, reason: String) -> Answer {
    let mut answer = Response::new(Full::from(reason));
    *answer.status_mut() = status;
    let header = match status {
        StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "POST")),
        StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer")),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, RETRY_AFTER_SECONDS)),
        _ => None,
    };
    if let Some((name, value)) = header {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn written(mut answer: Answer, message: Message, tally: &Tally) -> Answer {
    if message == Message::V2 {
        let counts = [tally.samples_written, tally.histograms_written, tally.exemplars_written];
        for (name, count) in WRITTEN.into_iter().zip(counts) {
            answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(count));
        }
    }
    answer
}

/// Samples are stamped by the wall's clock, so they are judged by it once, when they arrive.
fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { unix_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX), at: Instant::now() }
}
