//! What every forecaster takes and gives.

use ridethrough_core::forecast::RackForecast;
use ridethrough_core::site::Site;
use ridethrough_core::units::{Millis, Watts};

/// How far ahead every forecast of this crate looks.
pub const HORIZON: Millis = Millis::new(30_000);

/// Most racks that are forecast together. A rack beyond is assumed to draw its limit.
pub const RACKS_MAX: usize = 16_384;

/// What is known of one rack at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Power that the rack draws, or `None` when no fresh telemetry is there. A negative reading counts as none.
    pub power: Option<Watts>,
    /// What the rack may draw.
    pub limit: Watts,
}

/// What the model is shown of a site: every rack, from its load, then every row.
pub fn site_samples(site: &Site, loads: &[Option<Watts>]) -> Vec<Sample> {
    let racks = loads.iter().zip(&site.racks).map(|(&power, rack)| Sample { power, limit: rack.limit });
    let rows = site.rows.iter().zip(row_loads(site, loads)).map(|(row, power)| Sample { power, limit: row.limit });
    racks.chain(rows).collect()
}

/// What the racks of each row take together; none while one of them is not known.
pub fn row_loads(site: &Site, loads: &[Option<Watts>]) -> Vec<Option<Watts>> {
    let mut sums = vec![Some(Watts::ZERO); site.rows.len()];
    for (rack, load) in site.racks.iter().zip(loads) {
        let sum = &mut sums[rack.row.index()];
        *sum = sum.zip(*load).map(|(sum, load)| sum.saturating_add(load));
    }
    sums
}

/// Whether a call stands for a new second. The control tick is shorter than the model's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// A look ahead from the last committed second with the newest sample: windows and model state stay as they were.
    /// Call it each tick.
    Provisional,
    /// One second has passed: windows and model state move on. Call it once per second.
    Committed,
}

/// Forecasts the demand of all racks.
pub trait Forecast {
    /// Replaces `out` by one forecast per sample, in rack order. Never fails: what cannot be forecast is answered by
    /// the rule, and the forecast's source says so.
    ///
    /// A number of samples other than at the last call is another site: every rack then starts cold.
    fn step(&mut self, samples: &[Sample], keep: Keep, out: &mut Vec<RackForecast>);
}
