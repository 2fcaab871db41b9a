//! Whole sites on virtual time: three replicas, two field networks and the plant in one thread, from one seed, while
//! anything goes wrong. Two runs of one seed are the same.
//!
//! ```text
//!  seed ─► faults ─┐
//!                  ▼
//!   replicas ◄──── wires ────► field (devices, plant)        every millisecond: invariants
//!      │  control, ledger, DPCN: what ships
//!      └─ consensus: a stand-in for openraft
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`dice`] | seeded draws |
//! | [`faults`] | what goes wrong, and when: drawn from the seed |
//! | [`consensus`] | agreement on one log, written down once more for virtual time |
//! | [`replica`] | one replica: what ships, on that log |
//! | [`field`] | the plant and the devices' ends of DPCN: what ships |
//! | [`net`] | what is on its way, and the weather |
//! | [`invariants`] | what must hold at every moment |
//! | [`run`] | one run |
//! | [`shrink`] | the fewest faults with which a run still fails |

#![forbid(unsafe_code)]

pub mod consensus;
pub mod dice;
pub mod faults;
pub mod field;
pub mod invariants;
pub mod net;
pub mod replica;
pub mod run;
pub mod shrink;
