//! Counts as gauges take them.

use metrics::Gauge;

/// Sets a gauge to a count; one that no number of the kind can hold is infinite.
pub fn set(gauge: &Gauge, count: usize) {
    gauge.set(u32::try_from(count).map_or(f64::INFINITY, f64::from));
}
