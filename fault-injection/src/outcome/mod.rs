//! The yardstick: one scenario, one seed, several policies, and what each of them was worth.
//!
//! | module | subject |
//! |---|---|
//! | [`policy`] | the policies by name |
//! | [`score`] | what is counted of a run |
//! | [`run`] | a scenario under a policy, from the first ms to the score |
//! | [`forecasts`] | what a planner is told of the future under each policy |
//! | [`controller`] | our planner, envelope, ledger and dispatch, in process and in simulated time |
//! | [`capping`] | the three-band power capping of Dynamo |
//! | [`table`] | scores for people |

pub mod capping;
pub mod controller;
pub mod forecasts;
pub mod policy;
pub mod run;
pub mod score;
pub mod table;

pub use policy::Policy;
pub use run::{Outcome, OutcomeError, Request, run_all};
pub use score::Score;
