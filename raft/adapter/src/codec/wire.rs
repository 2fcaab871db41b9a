//! What replicas say to each other.

use bincode::{Decode, Encode};
use openraft::raft::{AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse};
use openraft::raft::{SnapshotResponse, VoteResponse};

use super::entry::{EntryV2, LogIdV2};
use super::vote::VoteV2;
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
    /// The caller's certificate names another replica than it says to be.
    Certificate,
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
        Greeting::Welcome(welcome) => GreetingV2::Welcome(welcome),
        Greeting::Refused(refusal) => GreetingV2::Refused(refusal_number(refusal)),
    })
}

pub(crate) fn decode_greeting(bytes: &[u8]) -> Result<Greeting, CodecError> {
    match decode::<GreetingV2, 256>(bytes)? {
        GreetingV2::Welcome(welcome) => Ok(Greeting::Welcome(welcome)),
        GreetingV2::Refused(number) => refusal(number).map(Greeting::Refused),
    }
}

pub(crate) fn encode_request(request: &Request) -> Result<Vec<u8>, CodecError> {
    encode(&RequestV2::from(request))
}

pub(crate) fn decode_request(bytes: &[u8]) -> Result<Request, CodecError> {
    decode::<RequestV2, MESSAGE_BYTES_LIMIT>(bytes)?.try_into()
}

pub(crate) fn encode_answer(answer: &Answer) -> Result<Vec<u8>, CodecError> {
    encode(&AnswerV2::from(answer))
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Result<Answer, CodecError> {
    decode::<AnswerV2, MESSAGE_BYTES_LIMIT>(bytes)?.try_into()
}

#[derive(Encode, Decode)]
enum GreetingV2 {
    Welcome(Welcome),
    Refused(u8),
}

#[derive(Encode, Decode)]
enum RequestV2 {
    Append(AppendV2),
    Vote(VoteRequestV2),
    PreVote(VoteRequestV2),
    Transfer(TransferV2),
    SnapshotPart(SnapshotPartV2),
}

#[derive(Encode, Decode)]
struct AppendV2 {
    vote: VoteV2,
    prev: Option<LogIdV2>,
    leader_commit: Option<LogIdV2>,
    entries: Vec<EntryV2>,
}

#[derive(Encode, Decode)]
struct VoteRequestV2 {
    vote: VoteV2,
    last: Option<LogIdV2>,
    leadership_transfer: bool,
}

#[derive(Encode, Decode)]
struct TransferV2 {
    from: VoteV2,
    to: u64,
    last: Option<LogIdV2>,
}

#[derive(Encode, Decode)]
struct SnapshotPartV2 {
    vote: VoteV2,
    offset: u64,
    total: u64,
    bytes: Vec<u8>,
}

#[derive(Encode, Decode)]
enum AnswerV2 {
    Append(AppendAnswerV2),
    Vote(VoteAnswerV2),
    Transfer(TransferAnswerV2),
    PartTaken,
    Installed(VoteV2),
    Failed(String),
}

#[derive(Encode, Decode)]
enum AppendAnswerV2 {
    Success,
    PartialSuccess(Option<LogIdV2>),
    Conflict,
    HigherVote(VoteV2),
}

#[derive(Encode, Decode)]
struct VoteAnswerV2 {
    vote: VoteV2,
    granted: bool,
    last: Option<LogIdV2>,
}

#[derive(Encode, Decode)]
enum TransferAnswerV2 {
    Done,
    VoteChanged { expected: VoteV2, actual: VoteV2 },
    LogNotFlushed { expected: Option<LogIdV2>, actual: Option<LogIdV2> },
}

const fn refusal_number(refusal: HelloRefusal) -> u8 {
    match refusal {
        HelloRefusal::NotAPeer => 1,
        HelloRefusal::Version => 2,
        HelloRefusal::OtherCluster => 3,
        HelloRefusal::OtherReplica => 4,
        HelloRefusal::UnknownCaller => 5,
        HelloRefusal::Certificate => 6,
    }
}

fn refusal(number: u8) -> Result<HelloRefusal, CodecError> {
    match number {
        1 => Ok(HelloRefusal::NotAPeer),
        2 => Ok(HelloRefusal::Version),
        3 => Ok(HelloRefusal::OtherCluster),
        4 => Ok(HelloRefusal::OtherReplica),
        5 => Ok(HelloRefusal::UnknownCaller),
        6 => Ok(HelloRefusal::Certificate),
        found => Err(CodecError::OutOfRange { what: "refusal", found: found.into() }),
    }
}

fn log_id(v2: Option<LogIdV2>) -> Result<Option<LogId>, CodecError> {
    v2.map(TryInto::try_into).transpose()
}

impl From<&Request> for RequestV2 {
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

impl TryFrom<RequestV2> for Request {
    type Error = CodecError;

    fn try_from(v2: RequestV2) -> Result<Self, CodecError> {
        Ok(match v2 {
            RequestV2::Append(append) => Self::Append(append.try_into()?),
            RequestV2::Vote(vote) => Self::Vote(vote.try_into()?),
            RequestV2::PreVote(vote) => Self::PreVote(vote.try_into()?),
            RequestV2::Transfer(v2) => {
                Self::Transfer(TransferRequest::new(v2.from.try_into()?, v2.to, log_id(v2.last)?))
            }
            RequestV2::SnapshotPart(v2) => Self::SnapshotPart(SnapshotPart {
                vote: v2.vote.try_into()?,
                offset: v2.offset,
                total: v2.total,
                bytes: v2.bytes,
            }),
        })
    }
}

impl From<&AppendRequest> for AppendV2 {
    fn from(append: &AppendRequest) -> Self {
        Self {
            vote: (&append.vote).into(),
            prev: append.prev_log_id.as_ref().map(Into::into),
            leader_commit: append.leader_commit.as_ref().map(Into::into),
            entries: append.entries.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<AppendV2> for AppendRequest {
    type Error = CodecError;

    fn try_from(v2: AppendV2) -> Result<Self, CodecError> {
        let (prev_log_id, leader_commit) = (log_id(v2.prev)?, log_id(v2.leader_commit)?);
        Ok(Self { vote: v2.vote.try_into()?, prev_log_id, leader_commit, entries: each(v2.entries)? })
    }
}

impl From<&VoteRequest> for VoteRequestV2 {
    fn from(request: &VoteRequest) -> Self {
        Self {
            vote: (&request.vote).into(),
            last: request.last_log_id.as_ref().map(Into::into),
            leadership_transfer: request.leadership_transfer,
        }
    }
}

impl TryFrom<VoteRequestV2> for VoteRequest {
    type Error = CodecError;

    fn try_from(v2: VoteRequestV2) -> Result<Self, CodecError> {
        let (vote, last_log_id) = (v2.vote.try_into()?, log_id(v2.last)?);
        Ok(Self { vote, last_log_id, leadership_transfer: v2.leadership_transfer })
    }
}

impl From<&TransferRequest> for TransferV2 {
    fn from(request: &TransferRequest) -> Self {
        let last = request.last_log_id().map(Into::into);
        Self { from: request.from_leader().into(), to: *request.to_node_id(), last }
    }
}

impl From<&SnapshotPart> for SnapshotPartV2 {
    fn from(part: &SnapshotPart) -> Self {
        Self { vote: (&part.vote).into(), offset: part.offset, total: part.total, bytes: part.bytes.clone() }
    }
}

impl From<&Answer> for AnswerV2 {
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

impl TryFrom<AnswerV2> for Answer {
    type Error = CodecError;

    fn try_from(v2: AnswerV2) -> Result<Self, CodecError> {
        Ok(match v2 {
            AnswerV2::Append(append) => Self::Append(append.try_into()?),
            AnswerV2::Vote(vote) => Self::Vote(vote.try_into()?),
            AnswerV2::Transfer(transfer) => Self::Transfer(transfer.into_answer()?),
            AnswerV2::PartTaken => Self::PartTaken,
            AnswerV2::Installed(vote) => Self::Installed(SnapshotResponse::new(vote.try_into()?)),
            AnswerV2::Failed(reason) => Self::Failed(reason),
        })
    }
}

impl From<&AppendAnswer> for AppendAnswerV2 {
    fn from(answer: &AppendAnswer) -> Self {
        match answer {
            AppendEntriesResponse::Success => Self::Success,
            AppendEntriesResponse::PartialSuccess(upto) => Self::PartialSuccess(upto.as_ref().map(Into::into)),
            AppendEntriesResponse::Conflict => Self::Conflict,
            AppendEntriesResponse::HigherVote(vote) => Self::HigherVote(vote.into()),
        }
    }
}

impl TryFrom<AppendAnswerV2> for AppendAnswer {
    type Error = CodecError;

    fn try_from(v2: AppendAnswerV2) -> Result<Self, CodecError> {
        Ok(match v2 {
            AppendAnswerV2::Success => Self::Success,
            AppendAnswerV2::PartialSuccess(upto) => Self::PartialSuccess(log_id(upto)?),
            AppendAnswerV2::Conflict => Self::Conflict,
            AppendAnswerV2::HigherVote(vote) => Self::HigherVote(vote.try_into()?),
        })
    }
}

impl From<&VoteAnswer> for VoteAnswerV2 {
    fn from(answer: &VoteAnswer) -> Self {
        let (vote, last) = ((&answer.vote).into(), answer.last_log_id.as_ref().map(Into::into));
        Self { vote, granted: answer.vote_granted, last }
    }
}

impl TryFrom<VoteAnswerV2> for VoteAnswer {
    type Error = CodecError;

    fn try_from(v2: VoteAnswerV2) -> Result<Self, CodecError> {
        let (vote, last_log_id) = (v2.vote.try_into()?, log_id(v2.last)?);
        Ok(Self { vote, vote_granted: v2.granted, last_log_id })
    }
}

impl From<&TransferAnswer> for TransferAnswerV2 {
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

impl TransferAnswerV2 {
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
