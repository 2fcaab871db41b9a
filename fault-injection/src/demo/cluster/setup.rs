//! What a cluster is made of.

use std::path::PathBuf;

use super::REPLICAS;
use crate::demo::Orders;

/// What a replica is made of, apart from its own folder.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where everything is written.
    pub home: PathBuf,
    /// The folder with `ridethroughd`.
    pub programs: PathBuf,
    /// The site file.
    pub site: PathBuf,
    /// The model, its manifest and the runtime library; none for the rule.
    pub model: Option<[PathBuf; 3]>,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
    /// How soon a silent leader is taken for lost.
    pub pace: Pace,
}

/// How soon replicas take a silent leader for lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// The election window of each replica in milliseconds: disjoint, so that two replicas do not stand at once. A silent
    /// leader is followed after about the end of a window plus a draw from it.
    pub election_ms: [[u64; 2]; REPLICAS as usize],
}

impl Pace {
    /// For machines that stall for a tenth of a second now and then: windows from 110 ms on had a false election in one
    /// minute there, these had none in six.
    pub const STEADY: Self = Self { heartbeat_ms: 20, election_ms: [[150, 190], [200, 240], [250, 290]] };
    /// For machines that let Raft's threads run in real time.
    pub const FAST: Self = Self { heartbeat_ms: 2, election_ms: [[5, 6], [6, 7], [7, 8]] };
}
