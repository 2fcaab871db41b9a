//! The leader's decisions in scenes: the production planner, envelope, ledger and dispatch in process, on the emulated plant.

#[path = "../support/mod.rs"]
mod support;

mod devices;
mod limits;
mod meters;
mod operators;
mod outages;
mod run;
