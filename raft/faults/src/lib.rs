//! What the replicas' consensus is put through: openraft and all that we built around it, on disks that lose power and on
//! networks that fail.
//!
//! | part | time | network | processes |
//! |---|---|---|---|
//! | `cargo sim-raft` (`sim`, with the feature of that name) | virtual, from one seed | simulated (turmoil): partitions both ways and one way, held and late packets | runtimes that are stopped and dropped |
//! | `cargo bench-power-cuts` (`benches/power_cuts`) | the machine's | loopback | real, and really killed |
//!
//! Both write to a [`disk`] that tells in a [`journal`] what a power cut could take back, and [`tear`] takes it back.

pub mod dice;
pub mod disk;
pub mod journal;
pub mod members;
#[cfg(feature = "sim")]
pub mod sim;
pub mod tear;
