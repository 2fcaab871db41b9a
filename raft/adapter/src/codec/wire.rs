//! What replicas say to each other.

use bincode::{Decode, Encode};
use openraft::raft::{AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse};
use openraft::raft::{SnapshotResponse, VoteResponse};

use super::entry::{EntryV1, LogIdV1};
use super::vote::VoteV1;
use super::{CodecError, decode, each, encode};
use crate::type_config::{LogId, TypeConfig, Vote};

pub(crate) type AppendRequest = openraft::raft::AppendEntriesRequest<TypeConfig>;
pub(crate) type AppendAnswer = AppendEntriesResponse<TypeConfig>;
pub(crate) type VoteRequest = openraft::raft::VoteRequest<TypeConfig>;
pub(crate) type VoteAnswer = VoteResponse<TypeConfig>;
pub(crate) type TransferRequest = TransferLeaderRequest<TypeConfig>;
pub(crate) type TransferAnswer = TransferLeaderResponse<TypeConfig>;

/// Most bytes of memory that one decoded message may claim.
const MESSAGE_BYTES_LIMIT: usize = 16 << 20;
/// Most characters of a reason that travel in an answer.
const REASON_CHARS_MAX: usize = 200;

/// The first message of a connection: who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Hello {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u16,
    pub(crate) cluster: [u8; 16],
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// The answer to a [`Hello`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    Welcome(Welcome),
    Refused(HelloRefusal),
}

/// What the called replica says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Welcome {
    /// It stands for election, and votes for others, no earlier than this after it last heard a leader; milliseconds.
    pub(crate) election_ms: u64,
    /// Whether it knows of any committed entry.
    pub(crate) founded: bool,
}

/// Why a replica does not talk to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloRefusal {
    /// The caller does not speak this protocol.
    NotAPeer,
    /// The caller speaks another version of it.
    Version,
    /// The caller belongs to another cluster.
    OtherCluster,
    /// The caller looked for another replica at this address.
    OtherReplica,
    /// The caller is no member.
    UnknownCaller,
}

/// A question of a leader or a candidate.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Append(AppendRequest),
    Vote(VoteRequest),
    PreVote(VoteRequest),
    Transfer(TransferRequest),
    SnapshotPart(SnapshotPart),
}

/// A piece of a snapshot; the last one installs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotPart {
    pub(crate) vote: Vote,
    pub(crate) offset: u64,
    pub(crate) total: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Append(AppendAnswer),
    Vote(VoteAnswer),
    Transfer(TransferAnswer),
    PartTaken,
    Installed(SnapshotResponse<TypeConfig>),
    Failed(String),
}

pub(crate) fn encode_hello(hello: &Hello) -> Result<Vec<u8>, CodecError> {
    encode(hello)
}

pub(crate) fn decode_hello(bytes: &[u8]) -> Result<Hello, CodecError> {
    decode::<Hello, 256>(bytes)
}

pub(crate) fn encode_greeting(greeting: Greeting) -> Result<Vec<u8>, CodecError> {
    encode(&match greeting {
        Greeting::Welcome(welcome) => GreetingV1::Welcome(welcome),
        Greeting::Refused(refusal) => GreetingV1::Refused(refusal_number(refusal)),
    })
}

pub(crate) fn decode_greeting(bytes: &[u8]) -> Result<Greeting, CodecError> {
    match decode::<GreetingV1, 256>(bytes)? {
        GreetingV1::Welcome(welcome) => Ok(Greeting::Welcome(welcome)),
        GreetingV1::Refused(number) => refusal(number).map(Greeting::Refused),
    }
}

pub(crate) fn encode_request(request: &Request) -> Result<Vec<u8>, CodecError> {
    encode(&RequestV1::from(request))
}

pub(crate) fn decode_request(bytes: &[u8]) -> Result<Request, CodecError> {
    decode::<RequestV1, MESSAGE_BYTES_LIMIT>(bytes)?.try_into()
}

pub(crate) fn encode_answer(answer: &Answer) -> Result<Vec<u8>, CodecError> {
    encode(&AnswerV1::from(answer))
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Result<Answer, CodecError> {
    decode::<AnswerV1, MESSAGE_BYTES_LIMIT>(bytes)?.try_into()
}

#[derive(Encode, Decode)]
enum GreetingV1 {
    Welcome(Welcome),
    Refused(u8),
}

#[derive(Encode, Decode)]
enum RequestV1 {
    Append(AppendV1),
    Vote(VoteRequestV1),
    PreVote(VoteRequestV1),
    Transfer(TransferV1),
    SnapshotPart(SnapshotPartV1),
}

#[derive(Encode, Decode)]
struct AppendV1 {
    vote: VoteV1,
    prev: Option<LogIdV1>,
    leader_commit: Option<LogIdV1>,
    entries: Vec<EntryV1>,
}

#[derive(Encode, Decode)]
struct VoteRequestV1 {
    vote: VoteV1,
    last: Option<LogIdV1>,
    leadership_transfer: bool,
}

#[derive(Encode, Decode)]
struct TransferV1 {
    from: VoteV1,
    to: u64,
    last: Option<LogIdV1>,
}

#[derive(Encode, Decode)]
struct SnapshotPartV1 {
    vote: VoteV1,
    offset: u64,
    total: u64,
    bytes: Vec<u8>,
}

#[derive(Encode, Decode)]
enum AnswerV1 {
    Append(AppendAnswerV1),
    Vote(VoteAnswerV1),
    Transfer(TransferAnswerV1),
    PartTaken,
    Installed(VoteV1),
    Failed(String),
}

#[derive(Encode, Decode)]
enum AppendAnswerV1 {
    Success,
    PartialSuccess(Option<LogIdV1>),
    Conflict,
    HigherVote(VoteV1),
}

#[derive(Encode, Decode)]
struct VoteAnswerV1 {
    vote: VoteV1,
    granted: bool,
    last: Option<LogIdV1>,
}

#[derive(Encode, Decode)]
enum TransferAnswerV1 {
    Done,
    VoteChanged { expected: VoteV1, actual: VoteV1 },
    LogNotFlushed { expected: Option<LogIdV1>, actual: Option<LogIdV1> },
}

const fn refusal_number(refusal: HelloRefusal) -> u8 {
    match refusal {
        HelloRefusal::NotAPeer => 1,
        HelloRefusal::Version => 2,
        HelloRefusal::OtherCluster => 3,
        HelloRefusal::OtherReplica => 4,
        HelloRefusal::UnknownCaller => 5,
    }
}

fn refusal(number: u8) -> Result<HelloRefusal, CodecError> {
    match number {
        1 => Ok(HelloRefusal::NotAPeer),
        2 => Ok(HelloRefusal::Version),
        3 => Ok(HelloRefusal::OtherCluster),
        4 => Ok(HelloRefusal::OtherReplica),
        5 => Ok(HelloRefusal::UnknownCaller),
        found => Err(CodecError::OutOfRange { what: "refusal", found: found.into() }),
    }
}

fn log_id(v1: Option<LogIdV1>) -> Result<Option<LogId>, CodecError> {
    v1.map(TryInto::try_into).transpose()
}

impl From<&Request> for RequestV1 {
    fn from(request: &Request) -> Self {
        match request {
            Request::Append(append) => Self::Append(append.into()),
            Request::Vote(vote) => Self::Vote(vote.into()),
            Request::PreVote(vote) => Self::PreVote(vote.into()),
            Request::Transfer(transfer) => Self::Transfer(transfer.into()),
            Request::SnapshotPart(part) => Self::SnapshotPart(part.into()),
        }
    }
}

impl TryFrom<RequestV1> for Request {
    type Error = CodecError;

    fn try_from(v1: RequestV1) -> Result<Self, CodecError> {
        Ok(match v1 {
            RequestV1::Append(append) => Self::Append(append.try_into()?),
            RequestV1::Vote(vote) => Self::Vote(vote.try_into()?),
            RequestV1::PreVote(vote) => Self::PreVote(vote.try_into()?),
            RequestV1::Transfer(v1) => {
                Self::Transfer(TransferRequest::new(v1.from.try_into()?, v1.to, log_id(v1.last)?))
            }
            RequestV1::SnapshotPart(v1) => Self::SnapshotPart(SnapshotPart {
                vote: v1.vote.try_into()?,
                offset: v1.offset,
                total: v1.total,
                bytes: v1.bytes,
            }),
        })
    }
}

impl From<&AppendRequest> for AppendV1 {
    fn from(append: &AppendRequest) -> Self {
        Self {
            vote: (&append.vote).into(),
            prev: append.prev_log_id.as_ref().map(Into::into),
            leader_commit: append.leader_commit.as_ref().map(Into::into),
            entries: append.entries.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<AppendV1> for AppendRequest {
    type Error = CodecError;

    fn try_from(v1: AppendV1) -> Result<Self, CodecError> {
        let (prev_log_id, leader_commit) = (log_id(v1.prev)?, log_id(v1.leader_commit)?);
        Ok(Self { vote: v1.vote.try_into()?, prev_log_id, leader_commit, entries: each(v1.entries)? })
    }
}

impl From<&VoteRequest> for VoteRequestV1 {
    fn from(request: &VoteRequest) -> Self {
        Self {
            vote: (&request.vote).into(),
            last: request.last_log_id.as_ref().map(Into::into),
            leadership_transfer: request.leadership_transfer,
        }
    }
}

impl TryFrom<VoteRequestV1> for VoteRequest {
    type Error = CodecError;

    fn try_from(v1: VoteRequestV1) -> Result<Self, CodecError> {
        let (vote, last_log_id) = (v1.vote.try_into()?, log_id(v1.last)?);
        Ok(Self { vote, last_log_id, leadership_transfer: v1.leadership_transfer })
    }
}

impl From<&TransferRequest> for TransferV1 {
    fn from(request: &TransferRequest) -> Self {
        let last = request.last_log_id().map(Into::into);
        Self { from: request.from_leader().into(), to: *request.to_node_id(), last }
    }
}

impl From<&SnapshotPart> for SnapshotPartV1 {
    fn from(part: &SnapshotPart) -> Self {
        Self { vote: (&part.vote).into(), offset: part.offset, total: part.total, bytes: part.bytes.clone() }
    }
}

impl From<&Answer> for AnswerV1 {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Append(append) => Self::Append(append.into()),
            Answer::Vote(vote) => Self::Vote(vote.into()),
            Answer::Transfer(transfer) => Self::Transfer(transfer.into()),
            Answer::PartTaken => Self::PartTaken,
            Answer::Installed(installed) => Self::Installed((&installed.vote).into()),
            Answer::Failed(reason) => Self::Failed(reason.chars().take(REASON_CHARS_MAX).collect()),
        }
    }
}

impl TryFrom<AnswerV1> for Answer {
    type Error = CodecError;

    fn try_from(v1: AnswerV1) -> Result<Self, CodecError> {
        Ok(match v1 {
            AnswerV1::Append(append) => Self::Append(append.try_into()?),
            AnswerV1::Vote(vote) => Self::Vote(vote.try_into()?),
            AnswerV1::Transfer(transfer) => Self::Transfer(transfer.into_answer()?),
            AnswerV1::PartTaken => Self::PartTaken,
            AnswerV1::Installed(vote) => Self::Installed(SnapshotResponse::new(vote.try_into()?)),
            AnswerV1::Failed(reason) => Self::Failed(reason),
        })
    }
}

impl From<&AppendAnswer> for AppendAnswerV1 {
    fn from(answer: &AppendAnswer) -> Self {
        match answer {
            AppendEntriesResponse::Success => Self::Success,
            AppendEntriesResponse::PartialSuccess(upto) => Self::PartialSuccess(upto.as_ref().map(Into::into)),
            AppendEntriesResponse::Conflict => Self::Conflict,
            AppendEntriesResponse::HigherVote(vote) => Self::HigherVote(vote.into()),
        }
    }
}

impl TryFrom<AppendAnswerV1> for AppendAnswer {
    type Error = CodecError;

    fn try_from(v1: AppendAnswerV1) -> Result<Self, CodecError> {
        Ok(match v1 {
            AppendAnswerV1::Success => Self::Success,
            AppendAnswerV1::PartialSuccess(upto) => Self::PartialSuccess(log_id(upto)?),
            AppendAnswerV1::Conflict => Self::Conflict,
            AppendAnswerV1::HigherVote(vote) => Self::HigherVote(vote.try_into()?),
        })
    }
}

impl From<&VoteAnswer> for VoteAnswerV1 {
    fn from(answer: &VoteAnswer) -> Self {
        let (vote, last) = ((&answer.vote).into(), answer.last_log_id.as_ref().map(Into::into));
        Self { vote, granted: answer.vote_granted, last }
    }
}

impl TryFrom<VoteAnswerV1> for VoteAnswer {
    type Error = CodecError;

    fn try_from(v1: VoteAnswerV1) -> Result<Self, CodecError> {
        let (vote, last_log_id) = (v1.vote.try_into()?, log_id(v1.last)?);
        Ok(Self { vote, vote_granted: v1.granted, last_log_id })
    }
}

impl From<&TransferAnswer> for TransferAnswerV1 {
    fn from(answer: &TransferAnswer) -> Self {
        match answer {
            Ok(()) => Self::Done,
            Err(TransferLeaderError::VoteChanged { expected, actual }) => {
                Self::VoteChanged { expected: expected.into(), actual: actual.into() }
            }
            Err(TransferLeaderError::LogNotFlushed { expected, actual }) => Self::LogNotFlushed {
                expected: expected.as_ref().map(Into::into),
                actual: actual.as_ref().map(Into::into),
            },
        }
    }
}

impl TransferAnswerV1 {
    fn into_answer(self) -> Result<TransferAnswer, CodecError> {
        Ok(match self {
            Self::Done => Ok(()),
            Self::VoteChanged { expected, actual } => {
                Err(TransferLeaderError::VoteChanged { expected: expected.try_into()?, actual: actual.try_into()? })
            }
            Self::LogNotFlushed { expected, actual } => {
                Err(TransferLeaderError::LogNotFlushed { expected: log_id(expected)?, actual: log_id(actual)? })
            }
        })
    }
}
