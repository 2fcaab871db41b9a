//! Tests of both halves together; what concerns one small type stands beside it.

mod controller;
mod epochs;
mod fence;
mod flood;
mod frames;
mod lapse;
mod lossy;
mod networks;
mod outlets;
mod sessions;
mod support;
mod told;
mod two_of_three;
mod vectors;
mod versions;
