//! openraft behind our own interface: storage, peer network, codec, snapshots.
//!
//! ```text
//!          propose ─────────────────────────────────────────────► Response
//!  node ──► Replica ──► openraft ──► log_store ──► raft/log (segments, votes, marks)
//!   ▲                     │  ▲
//!   │ notify              │  └── peer (client, link ══TCP══ server) ── the other replicas
//!   └── Arc<Ledger> ◄── state_machine ◄── committed entries; snapshot, every 20,000 of them
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`replica`] | one replica, put together: the interface for the node |
//! | [`host`], [`network`] | what a replica stands on, and where simulation puts something else |
//! | [`handover`] | a leader that hands over on purpose |
//! | [`status`] | what a replica tells of itself |
//! | [`error`] | what can go wrong, told so that an operator can act |
//! | [`audit_read`] | a replica's log for an auditor, offline |
//! | [`audit_stream`] | the same, entry by entry and however long it is |
//! | [`audit_tree`] | a Merkle tree over the log, signed checkpoints of it, and their verification |
//! | [`retention`] | segments that are copied away and removed, and the archive they are read from |
//! | [`contents`] | what a replica's folder holds, and a log that goes on above what devices obeyed: for backups |
//! | [`codec`] | the bytes that are stored and sent, with versions and golden tests |
//! | `fixture` | logs for tests of whatever reads them; only with that feature |
//! | [`members`] | who belongs to the cluster: adding and forgetting replicas |
//! | `membership` | what follows from it at each replica |
//! | `leader_id` | at most one leader per term |
//! | `vacancy`, `succession` | a leader whose process is gone is followed at once |
//! | `voting` | when a replica may take part in elections |
//!
//! Nothing outside this crate sees openraft, so that its upgrades, which are alphas, touch one crate.

pub mod audit_read;
pub mod audit_stream;
pub mod audit_tree;
pub mod codec;
pub mod contents;
mod dice;
pub mod error;
#[cfg(feature = "fixture")]
pub mod fixture;
pub mod handover;
pub mod host;
mod leader_id;
mod log_store;
pub mod members;
mod membership;
pub mod network;
mod peer;
pub mod replica;
pub mod retention;
mod snapshot;
mod state_machine;
pub mod status;
mod succession;
#[cfg(test)]
mod suite;
mod type_config;
mod vacancy;
mod voting;

pub use dice::load_dice;
pub use error::{ProposeError, SnapshotError, StartError, StopReason};
pub use handover::{Ceded, HandedOver, HandoverRefusal};
pub use host::{DiskIo, Host};
pub use members::{Changed, MembersRefusal};
pub use peer::person::PersonTls;
pub use peer::probe::{ProbeError, Prober};
pub use peer::tls::{PeerPems, PeerTls, TlsError};
pub use replica::{LogSize, Replica, ReplicaConfig};
pub use state_machine::Notify;
pub use status::{Peer, Role, Status};
pub use type_config::Response;
