//! The command line.

use clap::Parser;
use ridethrough_commit_bench::etcd::Pace;

/// How long etcd takes no writes when its leader goes.
#[derive(Debug, Parser)]
#[command(name = "bench-failover-etcd")]
pub struct Options {
    /// How often the leader is killed (SIGKILL).
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub kills: usize,
    /// How often the leader is frozen (SIGSTOP).
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub freezes: usize,
    /// Between two heartbeats.
    #[arg(long, value_name = "MS", default_value_t = 1)]
    pub heartbeat_ms: u32,
    /// Without a heartbeat until an election, which etcd doubles at random; it wants five heartbeats at least.
    #[arg(long, value_name = "MS", default_value_t = 5)]
    pub election_ms: u32,
    /// What cargo tells every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// How soon a silent leader is taken for lost.
    pub fn pace(&self) -> Pace {
        Pace { heartbeat_ms: self.heartbeat_ms, election_ms: self.election_ms }
    }
}
