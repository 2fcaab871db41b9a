//! Emulated plant, demo and drills: the one home of what is not real.
//!
//! | module | subject |
//! |---|---|
//! | [`plant`] | the physics, the local law and the judges; one world, stepped at 1 ms |
//! | [`scenario`] | what a run is made of: site, physics, recordings, seed; parsed from TOML |
//! | [`trace`] | recorded power, read from the data directory |
//! | [`field`] | the devices' ends of DPCN: orders, telemetry, fence memory, records |
//! | [`realtime`] | the plant on the real clock: one socket per device |
//! | [`demo`] | real replicas and the plant as processes, a leader killed, a verdict |
//! | [`drill`] | faults on purpose in real replicas, while it is watched what holds |
//! | [`failover`] | leaders killed and frozen again and again: how long no device was commanded |
//! | [`reaction`] | from a PDU's sample over its limit to a module's ack, on a whole site |
//! | [`outcome`] | the yardstick: scenarios under several policies, and what each was worth |
//! | `page` | pages that need no script: markup, drawings |
//! | [`report`] | what a run says about itself, as JSON and for people |

pub mod demo;
pub mod drill;
pub mod failover;
pub mod field;
pub mod outcome;
mod page;
pub mod plant;
pub mod reaction;
pub mod realtime;
pub mod report;
pub mod scenario;
pub mod trace;
