//! Durable log segments: bytes, checksums, recovery.
//!
//! An append-only log of opaque entries, votes and marks in **one** stream of checksummed records, so that their order
//! is never lost. It knows nothing of Raft or openraft; `raft/adapter` gives the payloads their meaning.
//!
//! ```text
//!  callers ──append, save_vote, …──► queue (bounded) ──► I/O thread ──► log-00000000000000000001.seg
//!     ▲                                                  one write,     log-00000000000000052117.seg
//!     └──────────────── callbacks, in order ◄─────────── one sync       spare-1.tmp (the next one, zero-filled)
//! ```
//!
//! - **A log deletes none of its segments.** The audit needs the whole history, so a purge is a record like any other and
//!   only hides entries from [`Log::read`]. Whoever has copied segments away may remove them ([`retention`]), which
//!   leaves a file that stands for them; a log that misses a segment without one does not open.
//! - **A failed write or sync is never retried.** The log stops for good and says why.
//! - **A torn tail is cut, damage is refused.** [`Log::open`] cuts an unfinished write at the end, whichever of its
//!   sectors the disk has stored; anything else that is wrong stops it, and then it has modified nothing.

mod base;
mod cache;
mod error;
mod fetch;
mod format;
mod index;
mod log;
mod open;
pub mod reader;
mod record;
mod recover;
pub mod retention;
mod scan;
mod segment;
mod shared;
mod spare;
mod storage;
#[cfg(test)]
mod tests;
mod version;
mod walk;
mod worker;
mod writer;

pub use error::{OpenError, Operation, ReadError, Reason, WriteError};
pub use format::{FORMAT_VERSION, PAYLOAD_BYTES_MAX};
pub use index::ENTRIES_MAX;
pub use log::{Log, LogConfig, LogEntry, LogState, REQUEST_BYTES_MAX, SEGMENT_BYTES_DEFAULT};
pub use segment::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
pub use storage::{Disk, Storage, StorageFile};
pub use worker::ByHand;
