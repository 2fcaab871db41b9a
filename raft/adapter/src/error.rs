//! What can go wrong with a replica, each message with what is concerned and what the operator can do next.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use ridethrough_core::device::ReplicaId;
use ridethrough_raft_log::OpenError;

use crate::codec::CodecError;

/// Why a replica does not start. Nothing is served.
#[derive(Debug)]
pub enum StartError {
    /// The configuration contradicts itself.
    Config {
        /// How.
        reason: String,
    },
    /// The address to listen at cannot be had.
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system answered.
        error: io::Error,
    },
    /// The log cannot be opened.
    Log(OpenError),
    /// The log is whole, and what it says cannot be decoded.
    Undecodable {
        /// The log's directory.
        dir: PathBuf,
        /// Which record.
        what: &'static str,
        /// Why.
        error: CodecError,
    },
    /// Entries have been purged, and no mark says which was the last.
    PurgedUnknown {
        /// The log's directory.
        dir: PathBuf,
        /// Index of the last purged entry.
        index: u64,
    },
    /// The log refuses the first write.
    Write(io::Error),
    /// The snapshot cannot be used.
    Snapshot(SnapshotError),
    /// The log's committed entries cannot be applied.
    Replay(StopReason),
    /// openraft refuses to start.
    Raft {
        /// What it says.
        reason: String,
    },
}

/// Why a snapshot file cannot be read or written.
#[derive(Debug)]
pub enum SnapshotError {
    /// The operating system refused.
    Io {
        /// The file.
        file: PathBuf,
        /// What was attempted.
        operation: &'static str,
        /// What the system answered.
        error: io::Error,
    },
    /// It is no snapshot, or damaged.
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// It belongs to another cluster.
    ForeignCluster {
        /// The file.
        file: PathBuf,
        /// The cluster that was asked for.
        expected: [u8; 16],
        /// The cluster in the file.
        found: [u8; 16],
    },
    /// Its content cannot be decoded.
    Undecodable {
        /// The file, or who sent it.
        from: String,
        /// Why.
        error: CodecError,
    },
    /// Its content does not fit the site.
    OtherSite {
        /// The file, or who sent it.
        from: String,
        /// What does not fit.
        reason: String,
    },
}

/// Why a replica has stopped applying entries for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// An entry's proposer had seen another state than this replica's ledger had. One of the two is wrong.
    Diverged {
        /// The entry that showed it.
        entry: u64,
        /// The index of the state that differs.
        index: u64,
    },
    /// The ledger found itself outside its limits. The code is broken; devices fall back to their safe state.
    Broken {
        /// The entry that was applied.
        entry: u64,
        /// What the assertion said.
        reason: String,
    },
    /// A committed entry names a leader that cannot be one.
    BadLeader {
        /// The entry.
        entry: u64,
        /// The leader's number.
        node: u64,
    },
}

/// Why a proposal has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposeError {
    /// Nothing was proposed: another replica leads, or none, or this one cannot reach a majority.
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<ReplicaId>,
    },
    /// Nothing was proposed: the entry is larger than the log takes.
    TooLarge {
        /// Its encoded size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Nothing was proposed: the entry has more of something than is ever stored.
    Unstorable {
        /// What the codec says.
        reason: String,
    },
    /// The deadline passed. The entry may still be committed.
    Timeout,
    /// Another leader took over. The entry may still be committed through it, or may never be.
    Superseded {
        /// Who leads, as far as is known.
        leader: Option<ReplicaId>,
    },
    /// The replica is being stopped. The entry may still be committed.
    Stopped,
    /// The replica has failed and takes no part any longer.
    Fatal {
        /// Why.
        reason: String,
    },
}

impl Display for StartError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { reason } => write!(f, "replica configuration: {reason}"),
            Self::Bind { address, error } => {
                write!(
                    f,
                    "cannot listen at {address}: {error}; is another replica running, is the address this host's?"
                )
            }
            Self::Log(error) => error.fmt(f),
            Self::Undecodable { dir, what, error } => {
                write!(f, "{}: the {what} {error}; start the release that wrote it, or a later one", dir.display())
            }
            Self::PurgedUnknown { dir, index } => {
                write!(f, "{}: entries up to {index} are purged and no mark says so; ", dir.display())?;
                f.write_str("restore the directory, or empty it so that the peers fill it")
            }
            Self::Write(error) => write!(f, "the log takes no writes: {error}"),
            Self::Snapshot(error) => error.fmt(f),
            Self::Replay(reason) => reason.fmt(f),
            Self::Raft { reason } => write!(f, "consensus does not start: {reason}"),
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for StartError {}

impl Display for SnapshotError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, operation, error } => write!(f, "{}: cannot {operation}: {error}", file.display()),
            Self::Damaged { file, offset, reason } => {
                write!(f, "{} at offset {offset}: {reason}; ", file.display())?;
                f.write_str("restore the file, or empty the replica's directory so that the peers fill it")
            }
            Self::ForeignCluster { file, expected, found } => {
                let (found, expected) = (u128::from_be_bytes(*found), u128::from_be_bytes(*expected));
                write!(f, "{} belongs to cluster {found:032x}, not to {expected:032x}", file.display())
            }
            Self::Undecodable { from, error } => write!(f, "{from}: the snapshot {error}"),
            Self::OtherSite { from, reason } => write!(f, "{from}: the snapshot does not fit this site: {reason}"),
        }
    }
}

// The message tells its cause; a source would have it told twice.
impl std::error::Error for SnapshotError {}

impl Display for StopReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Diverged { entry, index } => {
                write!(f, "entry {entry} was proposed on another state {index} than this replica has: ")?;
                f.write_str("this replica and its proposer disagree (have both the same site file?), run an audit of both before starting either again")
            }
            Self::Broken { entry, reason } => write!(f, "applying entry {entry} broke an invariant: {reason}"),
            Self::BadLeader { entry, node } => write!(f, "entry {entry} names replica {node} as its leader"),
        }
    }
}

impl std::error::Error for StopReason {}

impl Display for ProposeError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader { leader: Some(leader) } => write!(f, "not the leader, {leader} is"),
            Self::NotLeader { leader: None } => f.write_str("not the leader, and none is known"),
            Self::TooLarge { bytes, bytes_max } => write!(f, "the entry takes {bytes} bytes, at most {bytes_max} go"),
            Self::Unstorable { reason } => write!(f, "the entry cannot be stored: {reason}"),
            Self::Timeout => f.write_str("no majority answered in time; the entry may still be committed"),
            Self::Superseded { .. } => f.write_str("another leader took over; the entry may still be committed"),
            Self::Stopped => f.write_str("the replica is being stopped"),
            Self::Fatal { reason } => write!(f, "the replica has failed: {reason}"),
        }
    }
}

impl std::error::Error for ProposeError {}
