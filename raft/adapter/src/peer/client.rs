//! openraft's network: turns its requests into calls over the links.

use std::io;
use std::time::Duration;

use futures::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::error::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{Backoff, RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{AppendEntriesResponse, SnapshotResponse, StreamAppendResult};
use tokio::time::Instant;

use super::link::CallError;
use super::links::Links;
use crate::codec::wire::{
    Answer, AppendAnswer, AppendRequest, Request, SnapshotPart, TransferAnswer, TransferRequest, VoteAnswer,
    VoteRequest, decode_answer, encode_request,
};
use crate::leader_id::LeaderId;
use crate::type_config::{LogId, PeerAddress, TypeConfig, Vote};

/// So many append requests are under way to one follower.
const PIPELINE: usize = 8;
/// The follower's disk may be slow; whether the peer is there at all is the link's business.
const APPEND_DEADLINE: Duration = Duration::from_secs(1);
/// How long the last part of a snapshot may take to be installed.
const INSTALL_DEADLINE: Duration = Duration::from_secs(5);
/// Most bytes of a snapshot in one request.
const PART_BYTES: usize = 1 << 20;

/// A retry comes after this pause. openraft's own default is 200 ms.
pub(crate) const BACKOFF: Duration = Duration::from_millis(5);

type Snapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, Vec<u8>>;
type RpcError = RPCError<TypeConfig>;
type Appended = Result<StreamAppendResult<TypeConfig>, RpcError>;

/// The way to one peer, for one of openraft's tasks.
pub struct Client {
    target: u64,
    links: Links,
}

/// The newest term that a peer knows of, as it says to a candidate that cannot be meant.
pub(crate) async fn term_of(links: &Links, peer: u64) -> Option<u64> {
    let nobody = Vote { leader_id: LeaderId { term: 0, node: links.own() }, committed: false };
    let request = VoteRequest { vote: nobody, last_log_id: None, leadership_transfer: false };
    let asked = Client { target: peer, links: links.clone() };
    match asked.call(&Request::PreVote(request), RPCTypes::Vote, APPEND_DEADLINE).await {
        Ok(Answer::Vote(answer)) => Some(answer.vote.leader_id.term),
        _ => None,
    }
}

impl RaftNetworkFactory<TypeConfig> for Links {
    type Network = Client;

    async fn new_client(&mut self, target: u64, _: &PeerAddress) -> Client {
        Client { target, links: self.clone() }
    }
}

impl Client {
    async fn call(&self, request: &Request, action: RPCTypes, deadline: Duration) -> Result<Answer, RpcError> {
        let body = encode_request(request).map_err(|error| unreachable(&error))?;
        match self.links.call(self.target, body, deadline).await {
            Ok(answer) => match decode_answer(&answer).map_err(|error| unreachable(&error))? {
                Answer::Failed(reason) => Err(unreachable(&io::Error::other(reason))),
                answer => Ok(answer),
            },
            Err(CallError::Deadline) => {
                let (id, target) = (self.links.own(), self.target);
                Err(RPCError::Timeout(Timeout { action, id, target, timeout: deadline }))
            }
            Err(error) => Err(unreachable(&error)),
        }
    }

    async fn append(&self, request: AppendRequest) -> Result<AppendAnswer, RpcError> {
        let (term, sent) = (request.vote.leader_id.term, Instant::now());
        match self.call(&Request::Append(request), RPCTypes::AppendEntries, APPEND_DEADLINE).await? {
            Answer::Append(answer) => {
                self.learn(&answer, term, sent);
                Ok(answer)
            }
            _ => Err(mismatched()),
        }
    }

    /// What the follower's answer to what was sent then says of the follower.
    fn learn(&self, answer: &AppendAnswer, term: u64, sent: Instant) {
        match answer {
            AppendEntriesResponse::HigherVote(_) => {}
            AppendEntriesResponse::Conflict => self.links.electors().forget(self.target),
            AppendEntriesResponse::Success | AppendEntriesResponse::PartialSuccess(_) => {
                self.links.acks().note(self.target, term, sent);
            }
        }
    }

    async fn append_one(&self, request: AppendRequest) -> Appended {
        if let Some(held) = self.links.electors().has(self.target, &request) {
            return Ok(Ok(Some(held)));
        }
        let prev = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
        Ok(match self.append(request).await? {
            // openraft's own conversion panics on this, and what comes from the network must not.
            AppendEntriesResponse::Conflict if prev.is_none() => return Err(mismatched()),
            AppendEntriesResponse::PartialSuccess(upto) if upto > last => return Err(mismatched()),
            answer => answer.into_stream_result(prev, last),
        })
    }

    async fn send_parts(&self, vote: Vote, bytes: &[u8]) -> Result<SnapshotResponse<TypeConfig>, RpcError> {
        let total = bytes.len() as u64;
        let mut offset = 0;
        for part in bytes.chunks(PART_BYTES) {
            let request = SnapshotPart { vote, offset, total, bytes: part.to_vec() };
            offset += part.len() as u64;
            let deadline = if offset == total { INSTALL_DEADLINE } else { APPEND_DEADLINE };
            match self.call(&Request::SnapshotPart(request), RPCTypes::InstallSnapshot, deadline).await? {
                Answer::PartTaken => {}
                // The last part, or any part when the peer follows another leader by now.
                Answer::Installed(installed) => return Ok(installed),
                _ => return Err(mismatched()),
            }
        }
        Err(mismatched())
    }
}

impl RaftNetworkV2<TypeConfig> for Client {
    type SnapshotData = Vec<u8>;

    async fn append_entries(&mut self, request: AppendRequest, _: RPCOption) -> Result<AppendAnswer, RpcError> {
        self.append(request).await
    }

    fn stream_append<'s, S>(
        &'s mut self,
        requests: S,
        _: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Appended>, RpcError>>
    where
        S: Stream<Item = AppendRequest> + OptionalSend + Unpin + 'static,
    {
        let client = &*self;
        let answers = requests.map(move |request| {
            let last = request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id);
            async move { (last, client.append_one(request).await) }
        });
        // After anything but a whole success the requests that follow it in the pipeline are void.
        let until_failure = answers.buffered(PIPELINE).scan(Going::On, |going, (last, answer)| {
            let item = (*going == Going::On).then_some(answer);
            *going = item.as_ref().map_or(Going::Over, |answer| going_on(last, answer));
            futures::future::ready(item)
        });
        let stream: BoxStream<'s, Appended> = Box::pin(until_failure);
        Box::pin(async move { Ok(stream) })
    }

    async fn vote(&mut self, request: VoteRequest, option: RPCOption) -> Result<VoteAnswer, RpcError> {
        match self.call(&Request::Vote(request.clone()), RPCTypes::Vote, option.hard_ttl()).await? {
            Answer::Vote(answer) => {
                self.links.electors().note(self.target, &request, &answer);
                Ok(answer)
            }
            _ => Err(mismatched()),
        }
    }

    async fn pre_vote(&mut self, request: VoteRequest, option: RPCOption) -> Result<VoteAnswer, RpcError> {
        match self.call(&Request::PreVote(request), RPCTypes::Vote, option.hard_ttl()).await? {
            Answer::Vote(answer) => Ok(answer),
            _ => Err(mismatched()),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.send_parts(vote, &snapshot.snapshot) => sent.map_err(StreamingError::from),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferRequest,
        option: RPCOption,
    ) -> Result<TransferAnswer, RpcError> {
        match self.call(&Request::Transfer(request), RPCTypes::TransferLeader, option.hard_ttl()).await? {
            Answer::Transfer(answer) => Ok(answer),
            _ => Err(mismatched()),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(BACKOFF)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Over,
}

fn going_on(last: Option<LogId>, answer: &Appended) -> Going {
    if matches!(answer, Ok(Ok(upto)) if *upto == last) { Going::On } else { Going::Over }
}

fn unreachable<E: std::error::Error + 'static>(error: &E) -> RpcError {
    RPCError::Unreachable(Unreachable::new(error))
}

fn mismatched() -> RpcError {
    unreachable(&io::Error::other("the answer does not fit the request"))
}
