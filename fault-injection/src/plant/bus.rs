//! The bus of one rack at the end of its own feeder: one radial drop.
//!
//! A constant-power load behind a resistance sees `V = (V_s + √(V_s² − 4·P·R))/2`; beyond `P = V_s²/(4·R)` there is
//! no solution and the bus collapses (physics page).

/// What a bus is at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BusPoint {
    /// Potential of the bus in V.
    pub volts: f64,
    /// Current through the feeder in A, positive towards the rack.
    pub amps: f64,
    /// Heat in the feeder in W.
    pub loss_watts: f64,
    /// What the row gives into the feeder in W.
    pub feed_watts: f64,
}

/// The working point of a bus that draws `power_watts` from a row at `source_volts` through `resistance_ohms` (both
/// conductors); `None` when there is none, and the bus collapses.
pub fn solve(source_volts: f64, power_watts: f64, resistance_ohms: f64) -> Option<BusPoint> {
    let discriminant = source_volts * source_volts - 4.0 * power_watts * resistance_ohms;
    if source_volts <= 0.0 || discriminant < 0.0 {
        return None;
    }
    let volts = f64::midpoint(source_volts, discriminant.sqrt());
    let amps = power_watts / volts;
    let loss_watts = amps * amps * resistance_ohms;
    Some(BusPoint { volts, amps, loss_watts, feed_watts: source_volts * amps })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_balances_at_the_working_point() {
        let point = solve(800.0, 24_000.0, 0.002).expect("far from collapse");
        assert!((point.feed_watts - 24_000.0 - point.loss_watts).abs() < 1e-6);
        assert!((800.0 - point.volts - point.amps * 0.002).abs() < 1e-9);
    }

    #[test]
    fn a_54_volt_bus_collapses_where_an_800_volt_bus_does_not() {
        assert!(solve(800.0, 120_000.0, 0.011).is_some());
        assert!(solve(54.0, 120_000.0, 0.011).is_none());
    }
}
