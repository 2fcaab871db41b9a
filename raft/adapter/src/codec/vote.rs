//! What a replica must remember besides entries: its vote, and how far the log is committed and purged.

use bincode::{Decode, Encode};

use super::entry::LogIdV2;
use super::{CodecError, decode_stored, encode_stored};
use crate::leader_id::LeaderId;
use crate::type_config::{LogId, Vote};

/// Most bytes of memory that these small values may claim.
const SMALL_BYTES_LIMIT: usize = 1 << 10;

/// What is saved beside the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last entry known to be committed.
    pub(crate) committed: Option<LogId>,
    /// The last purged entry; the log itself keeps only its index.
    pub(crate) purged: Option<LogId>,
    /// What the replica may have forgotten.
    pub(crate) memory: Memory,
}

/// Whether a replica remembers all that it ever promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It does.
    #[default]
    Whole,
    /// Its directory was empty: it may be new, or it may have lost its disk.
    Unknown,
}

/// The bytes of a vote.
pub(crate) fn encode_vote(vote: &Vote) -> Result<Vec<u8>, CodecError> {
    encode_stored(&VoteV2::from(vote))
}

/// The vote that [`encode_vote`] gave these bytes.
pub(crate) fn decode_vote(bytes: &[u8]) -> Result<Vote, CodecError> {
    decode_stored::<VoteV2, SMALL_BYTES_LIMIT>(bytes)?.try_into()
}

/// The bytes of a mark.
pub(crate) fn encode_mark(mark: &Mark) -> Result<Vec<u8>, CodecError> {
    encode_stored(&MarkV2::from(mark))
}

/// The mark that [`encode_mark`] gave these bytes.
pub(crate) fn decode_mark(bytes: &[u8]) -> Result<Mark, CodecError> {
    decode_stored::<MarkV2, SMALL_BYTES_LIMIT>(bytes)?.try_into()
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct VoteV2 {
    term: u64,
    node: u64,
    committed: bool,
}

#[derive(Clone, Copy, Encode, Decode)]
struct MarkV2 {
    committed: Option<LogIdV2>,
    purged: Option<LogIdV2>,
    memory_unknown: bool,
}

impl From<&Vote> for VoteV2 {
    fn from(vote: &Vote) -> Self {
        Self { term: vote.leader_id.term, node: vote.leader_id.node, committed: vote.committed }
    }
}

impl TryFrom<VoteV2> for Vote {
    type Error = CodecError;

    fn try_from(v2: VoteV2) -> Result<Self, CodecError> {
        if v2.node > u64::from(u16::MAX) {
            return Err(CodecError::OutOfRange { what: "candidate", found: v2.node });
        }
        Ok(Self { leader_id: LeaderId { term: v2.term, node: v2.node }, committed: v2.committed })
    }
}

impl From<&Mark> for MarkV2 {
    fn from(mark: &Mark) -> Self {
        Self {
            committed: mark.committed.as_ref().map(Into::into),
            purged: mark.purged.as_ref().map(Into::into),
            memory_unknown: mark.memory == Memory::Unknown,
        }
    }
}

impl TryFrom<MarkV2> for Mark {
    type Error = CodecError;

    fn try_from(v2: MarkV2) -> Result<Self, CodecError> {
        Ok(Self {
            committed: v2.committed.map(TryInto::try_into).transpose()?,
            purged: v2.purged.map(TryInto::try_into).transpose()?,
            memory: if v2.memory_unknown { Memory::Unknown } else { Memory::Whole },
        })
    }
}
