//! Tests of both halves together; what concerns one small type stands beside it.

mod controller;
mod fence;
mod flood;
mod frames;
mod lapse;
mod lossy;
mod sessions;
mod support;
