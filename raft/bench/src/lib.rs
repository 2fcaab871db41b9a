//! Instruments of the commit bench: what it costs the machine, and what takes times. What is measured is in
//! `benches/commit/`, run by `cargo bench-commit`.

#![forbid(unsafe_code)]

pub mod floor;
pub mod spread;
