//! Drills: faults on purpose in real replicas, while it is watched what holds.
//!
//! ```text
//!  file ─► stage: replicas as processes, plant, wires between them
//!            │
//!            ├─ steady before? ─► said in the log ─► faults, each: inject ─► seen to work ─► end ─┐
//!            │                     every look: roles, transfers, trips ─► journal, abort?          │
//!            └─ steady again? ◄───────────────────────────────────────────────────────────────────┘
//!                  └─► devices' records and all logs audited ─► checks ─► said in the log ─► reports
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`mod@file`] | the drill as it is written: TOML, checked as a whole |
//! | `stage` | replicas, plant and wires of one run |
//! | `wires` | what lies between two replicas: stalls, delays and damages what goes over it |
//! | `builds` | the two builds of a drill that mixes versions |
//! | `faults` | one file per family: how it is done, seen to work and ended |
//! | `play` | the course of a run, from steady state to steady state |
//! | [`checks`] | what must have held, measured against its budget |
//! | [`journal`] | what happened when; what a run leaves behind |
//! | [`report`] | the same as text, JSON, JUnit XML and a page |

mod builds;
pub mod checks;
pub mod faults;
pub mod file;
pub mod folder;
pub mod journal;
mod play;
pub mod report;
mod seen;
mod stage;
mod wires;

pub use self::file::Drill;
pub use self::journal::{Outcome, Verdict};
pub use self::play::{Options, run};
