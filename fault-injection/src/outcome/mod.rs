//! The yardstick: a scenario under several control policies on the same seed, and what each policy was worth.
//!
//! | module | subject |
//! |---|---|
//! | [`score`] | the policies, and what a run under one of them came to |
//! | [`select`] | from what was typed to folders with scenarios |
//! | [`mod@run`] | the runs themselves |
//! | [`controller`] | our planner, envelope, ledger and dispatch, in process and in simulated time |
//! | [`forecasts`] | what the planner is told of the future under each policy |
//! | [`capping`], [`capper`] | the rival: three-band power capping, over one limit and over a site |
//! | [`measure`] | from a world and its judges to a score and curves |
//! | [`verdict`] | one sentence for each scenario |
//! | [`columns`] | what every table shows, in one place |
//! | [`json`], [`table`], [`html`] | the same scores for programs, terminals and readers |

pub mod capper;
pub mod capping;
pub mod columns;
pub mod controller;
#[cfg(test)]
mod example;
pub mod forecasts;
pub mod html;
pub mod json;
pub mod measure;
pub mod run;
pub mod score;
pub mod select;
pub mod table;
pub mod verdict;
pub mod worth;

pub use run::{OutcomeError, Request, run};
pub use score::{Curve, Mark, MarkKind, Outcome, PolicyName, PolicyOutcome, Score};
