//! What a replica shows of itself. Names carry their units.

use serde::{Deserialize, Serialize};

/// One replica at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Name of the site.
    pub site: String,
    /// This replica, counted from 1.
    pub replica: u16,
    /// `leader`, `follower`, `candidate` or `learner`.
    pub role: String,
    /// Whether a majority has lately confirmed it as leader, so that it may act.
    pub acting: bool,
    /// Raft term.
    pub term: u64,
    /// The leader it knows of.
    pub leader: Option<u16>,
    /// Last log index known to be committed.
    pub commit_index: u64,
    /// Last log index applied to the ledger.
    pub applied_index: u64,
    /// Milliseconds since this replica started.
    pub uptime_ms: i64,
    /// Where forecasts come from at the moment.
    pub forecast_source: String,
    /// Field devices heard lately, of all.
    pub devices_heard: usize,
    /// Field devices of the site.
    pub devices: usize,
    /// Racks in the site's order.
    pub racks: Vec<RackView>,
    /// Modules in the site's order.
    pub kesms: Vec<KesmView>,
    /// Transfers in force.
    pub transfers: Vec<TransferView>,
    /// What has been counted since this replica started.
    pub counters: Counters,
}

/// A rack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RackView {
    /// Its id in the site file.
    pub name: String,
    /// What its servers take; none when not freshly measured.
    pub load_watts: Option<i64>,
    /// What comes through its breaker.
    pub draw_watts: Option<i64>,
    /// What its breaker carries.
    pub limit_watts: i64,
    /// P99 of the highest demand up to the horizon.
    pub peak_p99_watts: i64,
    /// Whether it needs help.
    pub at_risk: bool,
}

/// A module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KesmView {
    /// Its id in the site file.
    pub name: String,
    /// Usable energy; none when not freshly measured.
    pub stored_joules: Option<i64>,
    /// Usable energy when full.
    pub capacity_joules: i64,
    /// What transfers must leave.
    pub reserve_joules: i64,
    /// What it gives; negative while it charges.
    pub supply_watts: i64,
}

/// A transfer in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// Its name in the log.
    pub id: String,
    /// Who receives.
    pub rack: String,
    /// Sources and paths, such as `K2 via A3-A4`.
    pub from: Vec<String>,
    /// At most so much reaches the rack.
    pub watts: i64,
    /// Milliseconds until it ends unless renewed.
    pub left_ms: i64,
    /// Whether all its devices are known to act on it.
    pub acked: bool,
}

/// What has been counted since a replica started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Control periods that were worked.
    pub ticks: u64,
    /// Control periods that were missed and skipped.
    pub ticks_skipped: u64,
    /// Plans proposed.
    pub plans_proposed: u64,
    /// Plans that the envelope refused before they were proposed.
    pub plans_refused: u64,
    /// Proposals that were not committed in time or not by this replica.
    pub proposals_failed: u64,
    /// Orders handed to the link.
    pub orders_sent: u64,
    /// Orders that devices said are in force.
    pub orders_acked: u64,
    /// Orders that devices refused.
    pub orders_refused: u64,
}
