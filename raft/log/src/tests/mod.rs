//! Tests of the whole log on real files, by subject.

mod by_hand;
mod damage;
mod faults;
mod model;
mod operations;
mod power_cut;
mod reading;
mod refusals;
mod retention;
mod support;
mod versions;
