//! openraft, the adapter, TLS and the log on virtual time, in one thread, from one seed.
//!
//! ```text
//!  plan (seed) ──faults──► strike ──crash, bounce, partition, hold──► turmoil: a kernel for each host, one tick at a time
//!                           │                                          │
//!                           └──start, freeze, drop──► process ──sockets┘
//!                                                        │
//!  run ──► verdict ◄── book ◄── what is seen of ── member: Replica, on sockets, clock and disk of the simulation
//! ```
//!
//! Real are openraft, elections and leases as this project shortened them (vacant seats, pre-votes, what voters had), handing
//! over, snapshots, the ledger, TLS 1.3 with certificates, frames, and the log's bytes in files. Made up are time, the network
//! between sockets, how long a disk takes, and what of it survives a power cut. Not in it: checkpoints (their signer is a
//! thread of its own).
//!
//! Two runs of one seed see the same. What rests on the machine's time in production is asked of tokio here, which tells virtual
//! time; openraft's dice are loaded; TLS draws real random numbers, which changes bytes and nothing else.

#[cfg(not(tokio_unstable))]
compile_error!("tokio repeats itself only with `--cfg tokio_unstable`: build this by `cargo xtask raft-sim`");

pub mod book;
mod kernel;
mod member;
mod net;
mod operator;
pub mod plan;
mod process;
pub mod run;
pub mod shrink;
mod sockets;
mod strike;
mod ways;
