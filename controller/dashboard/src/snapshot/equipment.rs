//! What stands at the site: racks with their servers, modules, ties and feeds.

use serde::{Deserialize, Serialize};

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
    /// Median of the same.
    #[serde(default)]
    pub peak_p50_watts: i64,
    /// How hot its breaker is: 0 cold, 1000 trips; none before it was heard.
    #[serde(default)]
    pub heat_permille: Option<u16>,
    /// Whether its breaker is open, as last told.
    #[serde(default)]
    pub tripped: bool,
    /// Whether it needs help.
    pub at_risk: bool,
    /// What it was expected to draw by its own past; none before it was heard.
    #[serde(default)]
    pub expected_watts: Option<i64>,
    /// How rare its draw is by its own past: 20 for each power of ten, up to 100.
    #[serde(default)]
    pub anomaly: u8,
    /// How far its last minutes are from its last day: 25 for each spread, up to 100.
    #[serde(default)]
    pub drift: u8,
    /// Seconds that this was learned from, restarts included.
    #[serde(default)]
    pub learned_s: u32,
}

/// What a server draws.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// In watts; none where nobody has said so lately.
    pub power_watts: Option<i64>,
    /// How long ago it was measured, in milliseconds.
    pub age_ms: Option<u64>,
    /// Who says so: `outlet` of its PDU, or `signal` of remote-write.
    pub source: Option<String>,
    /// Forecast median in 30 s, in watts; none while no model speaks of it.
    pub forecast_p50_watts: Option<i64>,
    /// Forecast 99th percentile of the maximum until then, in watts.
    pub forecast_peak_p99_watts: Option<i64>,
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

/// A tie between two racks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TieView {
    /// Its id in the site file.
    pub name: String,
    /// What leaves its source bus, positive from its first rack to its second; none when not freshly measured.
    pub flow_watts: Option<i64>,
    /// Whether it says that it cannot act.
    pub unable: bool,
}

/// A feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedView {
    /// Its id in the site file.
    pub name: String,
    /// What it and everything behind it is doing, such as `normal` or `ride-through`.
    pub mode: String,
    /// For how many milliseconds it has had this mode.
    pub for_ms: i64,
    /// Why; empty before the first change.
    pub reason: String,
    /// What all its rows draw; none when not freshly told.
    #[serde(default)]
    pub drawn_watts: Option<i64>,
    /// What its transfer switch is on: `utility A`, `utility B`, `generator` or `nothing`; empty when not freshly told.
    #[serde(default)]
    pub source: String,
    /// What its generator does: `off`, `starting`, `running`, `failed`; empty where there is none or nothing is known.
    #[serde(default)]
    pub generator: String,
}
