//! Instruments of the DPCN bench: what takes times, and what makes a machine calm or busy. The cases that are measured are
//! in `benches/dpcn/`, run by `cargo bench-dpcn`.

#![forbid(unsafe_code)]

pub mod batch;
pub mod cacheline;
pub mod cores;
pub mod hogs;
pub mod latencies;
pub mod memory;
pub mod sockets;
