//! The called side: greets peers and hands their requests to openraft.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use openraft::async_runtime::watch::WatchReceiver;
use ridethrough_core::site::Site;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::BACKOFF;
use super::frame::{Batch, Frame, FrameReader, Kind, write_frame};
use super::refusal::{Refusal, Refusals, Refused};
use super::tls::{PeerTls, Sink, Source};
use super::{GREETING_DEADLINE, IDLE_MAX, MAGIC, PROTOCOL_VERSION};
use crate::codec::snapshot::SNAPSHOT_BYTES_MAX;
use crate::codec::wire::{
    Answer, Greeting, Hello, HelloRefusal, Request, SnapshotPart, VoteRequest, Welcome, decode_hello, decode_request,
    encode_answer, encode_greeting,
};
use crate::log_store::LogStore;
use crate::membership::{LEADER_HEARD, Members, leads_since};
use crate::network::{Port, Stream};
use crate::snapshot::decode_for;
use crate::state_machine::StateMachine;
use crate::type_config::{TypeConfig, Vote};
use crate::vacancy::Vacancy;
use crate::voting::Voting;

/// Most connections at a time: each peer has one, the rest are restarts that have not been noticed yet.
const CONNECTIONS_MAX: usize = 16;
/// Most requests of one connection under way.
const REQUESTS_MAX: usize = 64;

type Snapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, Vec<u8>>;

/// What all connections of a replica share.
pub(crate) struct Service {
    pub(crate) raft: openraft::Raft<TypeConfig, StateMachine>,
    pub(crate) cluster: [u8; 16],
    pub(crate) own: u64,
    pub(crate) members: Arc<Members>,
    pub(crate) tls: PeerTls,
    pub(crate) refusals: Refusals,
    pub(crate) election_ms: u64,
    pub(crate) site: Arc<Site>,
    pub(crate) store: LogStore,
    pub(crate) voting: Arc<Voting>,
    pub(crate) vacancy: Arc<Vacancy>,
}

/// Accepts connections until it is dropped.
pub(crate) async fn serve(port: Box<dyn Port>, service: Arc<Service>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Without a free place nothing is accepted: the caller waits in the kernel's short queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match port.accept().await {
            Ok((stream, address)) => {
                let service = Arc::clone(&service);
                connections.spawn(async move {
                    let error = service.connection(stream, address.ip(), place).await;
                    tracing::debug!(%address, %error, "connection from peer ended");
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // Without a free descriptor this would be a busy loop.
                sleep(BACKOFF).await;
            }
        }
    }
}

impl Service {
    /// Serves one connection until it breaks; answers why.
    async fn connection(self: Arc<Self>, stream: Stream, address: IpAddr, _place: OwnedSemaphorePermit) -> io::Error {
        let greeted = timeout(GREETING_DEADLINE, self.greet(stream)).await;
        let error = match greeted.unwrap_or_else(|_| Err(Refused::error(Refusal::Deadline))) {
            Ok(connection) => return connection.run().await,
            Err(error) => error,
        };
        if let Some(refusal) = Refusal::of(&error) {
            self.refusals.note(address, refusal);
        }
        error
    }

    async fn greet(self: &Arc<Self>, stream: Stream) -> io::Result<Connection> {
        let (stream, certified) = self.tls.answer(stream).await?;
        let (source, mut sink) = tokio::io::split(stream);
        let mut frames = FrameReader::new(source);
        let frame = frames.next().await.map_err(no_hello)?;
        let hello = decode_hello(&frame.body).ok().filter(|_| frame.kind == Kind::Hello);
        let checked = hello.ok_or(HelloRefusal::NotAPeer).and_then(|hello| self.check(hello, certified));
        let greeting = match checked {
            Ok(_) => Greeting::Welcome(Welcome { election_ms: self.election_ms, founded: self.store.founded() }),
            Err(refusal) => Greeting::Refused(refusal),
        };
        let body = encode_greeting(greeting).map_err(io::Error::other)?;
        write_frame(&mut sink, &Frame { kind: Kind::Greeting, id: 0, body }).await?;
        match checked {
            Ok(peer) => {
                self.vacancy.met(peer);
                frames.accept_all();
                let (service, underway) = (Arc::clone(self), FuturesUnordered::new());
                Ok(Connection { service, peer, frames, sink, underway, incoming: None })
            }
            Err(refusal) => Err(Refused::error(Refusal::Hello(refusal))),
        }
    }

    /// The caller's number, if it may call; `certified` is the one that its certificate names.
    fn check(&self, hello: Hello, certified: u64) -> Result<u64, HelloRefusal> {
        if hello.magic != MAGIC {
            return Err(HelloRefusal::NotAPeer);
        }
        if hello.version != PROTOCOL_VERSION {
            return Err(HelloRefusal::Version);
        }
        if hello.cluster != self.cluster {
            return Err(HelloRefusal::OtherCluster);
        }
        if hello.to != self.own {
            return Err(HelloRefusal::OtherReplica);
        }
        if hello.from != certified {
            return Err(HelloRefusal::Certificate);
        }
        if self.knows(hello.from) { Ok(hello.from) } else { Err(HelloRefusal::UnknownCaller) }
    }

    /// Whether this peer may say anything. A member may; while no leader is heard, so may any other replica of the cluster,
    /// for this one's log may be older than that replica's membership. Raft judges what it then says.
    fn knows(&self, peer: u64) -> bool {
        let hears =
            || self.voting.heard_within(LEADER_HEARD) || leads_since(&self.raft).is_some_and(|ago| ago <= LEADER_HEARD);
        self.members.contains(peer) || (self.members.is_founded() && !hears())
    }

    /// Lets openraft answer.
    async fn answer(self: Arc<Self>, peer: u64, request: Request) -> Answer {
        let answered = match request {
            Request::Append(request) if speaks_for(&request.vote, peer) => {
                if let Some(reason) = self.voting.refuses_leader(request.vote.leader_id.term) {
                    return Answer::Failed(reason.into());
                }
                self.voting.heard_leader(request.leader_commit);
                self.raft.append_entries(request).await.map(Answer::Append).map_err(|error| error.to_string())
            }
            Request::Vote(request) if speaks_for(&request.vote, peer) => self.vote(request).await,
            Request::PreVote(request) if speaks_for(&request.vote, peer) => match self.voting.refuses(&request) {
                Some(reason) => Err(reason.into()),
                None => self.raft.pre_vote(request).await.map(Answer::Vote).map_err(|error| error.to_string()),
            },
            Request::Transfer(request) if speaks_for(request.from_leader(), peer) => {
                self.vacancy.ceded(request.from_leader().leader_id.term);
                let done = self.raft.handle_transfer_leader(request).await;
                done.map(Answer::Transfer).map_err(|error| error.to_string())
            }
            _ => Err("the request is another replica's".into()),
        };
        answered.unwrap_or_else(Answer::Failed)
    }

    async fn vote(&self, mut request: VoteRequest) -> Result<Answer, String> {
        if request.leadership_transfer {
            let followed = self.raft.metrics().borrow_watched().vote.leader_id;
            // A claim that this replica cannot confirm is an ordinary candidate's: the lease holds it off.
            request.leadership_transfer = self.vacancy.of(followed.node, followed.term).await;
        }
        if let Some(reason) = self.voting.refuses(&request) {
            return Err(reason.into());
        }
        let (transfer, has) = (request.leadership_transfer, request.last_log_id);
        let answer = self.raft.vote(request).await.map_err(|error| error.to_string())?;
        if transfer && !answer.vote_granted && answer.last_log_id > has {
            self.vacancy.shorter_log();
        }
        Ok(Answer::Vote(answer))
    }

    async fn install(self: Arc<Self>, peer: u64, vote: Vote, bytes: Vec<u8>) -> Answer {
        if !speaks_for(&vote, peer) {
            return Answer::Failed("the snapshot is another replica's".into());
        }
        if let Some(reason) = self.voting.refuses_leader(vote.leader_id.term) {
            return Answer::Failed(reason.into());
        }
        // Checked before openraft sees it: a snapshot that openraft cannot install stops the replica.
        match decode_for(&self.site, &bytes, "the leader") {
            Ok(decoded) => {
                let meta = decoded.meta;
                let installed = self.raft.install_full_snapshot(vote, Snapshot { meta, snapshot: bytes }).await;
                installed.map_or_else(|error| Answer::Failed(error.to_string()), Answer::Installed)
            }
            Err(error) => Answer::Failed(error.to_string()),
        }
    }
}

/// Something that is no frame comes from no peer of ours; anything else is a connection that broke.
fn no_hello(error: io::Error) -> io::Error {
    let by_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some();
    let no_frame = error.kind() == io::ErrorKind::InvalidData && !by_tls;
    if no_frame { Refused::error(Refusal::Hello(HelloRefusal::NotAPeer)) } else { error }
}

/// Nobody but the leader or candidate itself sends under its vote.
fn speaks_for(vote: &Vote, peer: u64) -> bool {
    vote.leader_id.node == peer
}

struct Connection {
    service: Arc<Service>,
    peer: u64,
    frames: FrameReader<Source>,
    sink: Sink,
    underway: FuturesUnordered<BoxFuture<'static, (u64, Answer)>>,
    /// A snapshot whose parts are still coming in.
    incoming: Option<Vec<u8>>,
}

impl Connection {
    async fn run(mut self) -> io::Error {
        loop {
            let step = tokio::select! {
                biased;
                Some((id, answer)) = self.underway.next(), if !self.underway.is_empty() => {
                    self.reply((id, answer)).await
                }
                frame = timeout(IDLE_MAX, self.frames.next()), if self.underway.len() < REQUESTS_MAX => match frame {
                    Ok(Ok(frame)) => self.take(frame).await,
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the peer is silent")),
                },
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> io::Result<()> {
        match frame.kind {
            Kind::Ping => {
                let pong = Frame { kind: Kind::Pong, id: frame.id, body: Vec::new() };
                write_frame(&mut self.sink, &pong).await
            }
            Kind::Request => {
                let request = decode_request(&frame.body).map_err(io::Error::other)?;
                // Who was forgotten since calls again, and is told so.
                if !self.service.knows(self.peer) {
                    return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the peer is no member any longer"));
                }
                self.begin(frame.id, request);
                Ok(())
            }
            Kind::Hello | Kind::Greeting | Kind::Answer | Kind::Pong => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the peer does not keep to the protocol"))
            }
        }
    }

    fn begin(&mut self, id: u64, request: Request) {
        let (service, peer) = (Arc::clone(&self.service), self.peer);
        let answering = match request {
            Request::SnapshotPart(part) => match self.gather(&part) {
                Gathered::Whole { vote, bytes } => service.install(peer, vote, bytes).boxed(),
                Gathered::Part => futures::future::ready(Answer::PartTaken).boxed(),
                Gathered::Unfit => futures::future::ready(Answer::Failed("a part is missing".into())).boxed(),
            },
            request => service.answer(peer, request).boxed(),
        };
        self.underway.push(answering.map(move |answer| (id, answer)).boxed());
    }

    /// Adds a part of a snapshot to those before it. The first part begins anew.
    fn gather(&mut self, part: &SnapshotPart) -> Gathered {
        let mut bytes = if part.offset == 0 { Vec::new() } else { self.incoming.take().unwrap_or_default() };
        let follows = bytes.len() as u64 == part.offset && !part.bytes.is_empty();
        bytes.extend_from_slice(&part.bytes);
        let length = bytes.len() as u64;
        if !follows || length > part.total || part.total > SNAPSHOT_BYTES_MAX as u64 {
            return Gathered::Unfit;
        }
        if length == part.total {
            return Gathered::Whole { vote: part.vote, bytes };
        }
        self.incoming = Some(bytes);
        Gathered::Part
    }

    /// Sends an answer, and those that are there along with it.
    async fn reply(&mut self, first: (u64, Answer)) -> io::Result<()> {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some((id, answer)) = next {
            let body = encode_answer(&answer).map_err(io::Error::other)?;
            batch.add(&Frame { kind: Kind::Answer, id, body })?;
            // Whoever is not there yet is asked again by `run`, with a waker.
            next = if batch.is_full() { None } else { self.underway.next().now_or_never().flatten() };
        }
        batch.write(&mut self.sink).await
    }
}

enum Gathered {
    Part,
    Whole { vote: Vote, bytes: Vec<u8> },
    Unfit,
}
