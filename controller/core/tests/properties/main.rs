//! Properties of planner, envelope and ledger together, on random sites. `RIDETHROUGH_CASES` says on how many.

mod admitted;
mod cover;
mod day;
mod least_loss;
mod random_site;
mod second_opinion;
mod single_failures;
mod steps;
