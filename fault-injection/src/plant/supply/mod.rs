//! What stands before the rows of one feed: two utility supplies, a transfer switch and a generator.

/// The supply of a feed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SupplySpec {
    /// Whether there is a second utility supply to transfer to.
    pub second_utility: bool,
    /// How long the transfer switch is open between two sources, in ms: 4 for a static switch, 50 to 200 for an ATS.
    pub transfer_ms: u64,
    /// How long a better source must be good before the switch goes back to it, in ms.
    pub retransfer_ms: u64,
    /// The generator, where there is one.
    pub generator: Option<GeneratorSpec>,
}

/// A generator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratorSpec {
    /// Rated power in W.
    pub rated_watts: f64,
    /// For how long no utility must be good before it is started, in ms.
    pub start_after_ms: u64,
    /// From the start to rated speed, in ms: at most 10 s (NFPA 110, Type 10).
    pub start_ms: u64,
    /// So many starts fail before one succeeds.
    pub failed_starts: u32,
    /// The largest step of load that it takes at once, as a share of its rating; more stalls it.
    pub step_share_max: f64,
    /// The time between connecting one row and the next, in ms.
    pub row_interval_ms: u64,
}

impl Default for SupplySpec {
    /// One utility, an ATS of the middle of its class, no generator.
    fn default() -> Self {
        Self { second_utility: false, transfer_ms: 100, retransfer_ms: 10_000, generator: None }
    }
}
