//! Instruments of the benches of the log: what a commit costs the machine, what takes times, and etcd to stand beside. What is
//! measured is in `benches/commit/` (`cargo bench-commit`) and `benches/failover/` (`cargo bench-failover --etcd`).

#![forbid(unsafe_code)]

#[cfg(feature = "etcd")]
pub mod etcd;
pub mod floor;
pub mod processes;
pub mod spread;
