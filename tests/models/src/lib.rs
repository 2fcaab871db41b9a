//! Models of what must hold whatever is lost, delayed, repeated, restarted or deposed, explored exhaustively within
//! bounds by `stateright`.
//!
//! ```text
//! cargo test -p ridethrough-models               a slice, in the test command
//! cargo run --release -p ridethrough-models      everything; prints counts, verdicts and counterexamples
//! ```
//!
//! There is one model so far: [`transfer`].

#![forbid(unsafe_code)]

pub mod transfer;
