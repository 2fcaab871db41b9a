//! The atomics of what is checked with loom, which replaces them where it explores every interleaving:
//! `RUSTFLAGS="--cfg loom" cargo test -p ridethrough-link --lib --release loom`.

#[cfg(all(loom, test))]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(not(all(loom, test)))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
