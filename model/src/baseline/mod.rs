//! What each rack and server usually draws, learned from its own past, and how unusual the present is.
//!
//! ```text
//! sample (second, watts) ─► Tracker, 5 min ──┐ expected: whichever of the three erred least of late
//!                        ├► Daily, 48 slots ─┼─► deviation ─► Rarity ─► anomaly 0..=100
//!                        ├► Phase, 5 s × 80 ─┘
//!                        └► Tracker, 1 day ── against the 5 minutes ──► drift 0..=100
//! ```
//!
//! Nothing in here reads a clock or a file: seconds come with each sample, bytes go out and in by [`BaselineStore`].
//! Nothing decides by it either: scores are for people.

mod bytes;
mod daily;
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "counts of some hundreds at most")]
mod phase;
mod rarity;
mod store;
mod tracker;
mod unit;

pub use store::{BaselineStore, SNAPSHOT_BYTES_MAX, SnapshotFault};
pub use unit::{Baseline, Heard, Outlook, Refused};
