//! The electrical solution of one row: a radial feed with a bus at its end, and a feeder from there to every rack.
//!
//! ```text
//! source V_s ──R_row── row bus V_r ──┬── R_1 ── rack bus V_1 ── P_1
//!                                    ├── R_2 ── rack bus V_2 ── P_2
//! ```
//!
//! A constant-power load behind a resistance sees `V = (V_s + √(V_s² − 4·P·R))/2`; beyond `P = V_s²/(4·R)` there is
//! no solution and the bus collapses (physics page). Ties and modules are controlled by power, so they enter as part
//! of each rack's `P`.

/// What a bus is at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BusPoint {
    /// Potential of the bus in V.
    pub volts: f64,
    /// Current through the feeder in A, positive towards the rack.
    pub amps: f64,
    /// Heat in the feeder in W.
    pub loss_watts: f64,
    /// What is taken from the bus before the feeder in W.
    pub feed_watts: f64,
}

/// A feeder and what hangs on it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Branch {
    /// What is drawn at its end in W; at most nothing comes back.
    pub power_watts: f64,
    /// Resistance of both conductors in Ω.
    pub resistance_ohms: f64,
}

/// Why a row has no working point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collapse {
    /// The branch with this index draws more than its feeder can bring.
    Branch(usize),
    /// All together draw more than the row's feed can bring.
    Feed,
}

/// The iteration ends when the row's bus moves by less than this, in V.
const SETTLED_VOLTS: f64 = 1e-6;
/// Far from collapse it settles in three rounds; whatever does not in so many is collapsing.
const ROUNDS_MAX: u32 = 60;

/// The working point of a bus that draws `power_watts` from `source_volts` through `resistance_ohms` (both
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

/// The working point of a row: that of its own bus, with the points of the branches put into `points`.
///
/// The row's bus is found by iteration from `guess_volts`: each round's currents give the next round's potential. The
/// map contracts by about `R_row·ΣP/V²`, a few ten-thousandths at usual loads.
pub fn solve_row(
    source_volts: f64,
    feed_ohms: f64,
    branches: &[Branch],
    guess_volts: f64,
    points: &mut [BusPoint],
) -> Result<BusPoint, Collapse> {
    let mut volts = if guess_volts > 0.0 { guess_volts } else { source_volts };
    for _ in 0..ROUNDS_MAX {
        let mut amps = 0.0;
        for (index, (branch, point)) in branches.iter().zip(points.iter_mut()).enumerate() {
            *point = solve(volts, branch.power_watts, branch.resistance_ohms).ok_or(Collapse::Branch(index))?;
            amps += point.amps;
        }
        let next_volts = source_volts - feed_ohms * amps;
        if next_volts <= source_volts / 2.0 {
            return Err(Collapse::Feed);
        }
        if (next_volts - volts).abs() < SETTLED_VOLTS {
            let loss_watts = amps * amps * feed_ohms;
            return Ok(BusPoint { volts: next_volts, amps, loss_watts, feed_watts: source_volts * amps });
        }
        volts = next_volts;
    }
    Err(Collapse::Feed)
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

    /// The largest power of a constant-power load behind R is `V²/(4R)`, at half the source's potential.
    #[test]
    fn a_bus_collapses_above_v_squared_over_4r() {
        let limit_watts = 54.0 * 54.0 / (4.0 * 0.011);
        let point = solve(54.0, limit_watts * (1.0 - 1e-12), 0.011).expect("just below");
        assert!((point.volts - 27.0).abs() < 1e-3, "{}", point.volts);
        assert!(solve(54.0, limit_watts * (1.0 + 1e-9), 0.011).is_none());
    }

    fn row(source_volts: f64, feed_ohms: f64, watts: &[f64]) -> Result<(BusPoint, Vec<BusPoint>), Collapse> {
        let branches: Vec<Branch> =
            watts.iter().map(|&power_watts| Branch { power_watts, resistance_ohms: 0.002 }).collect();
        let mut points = vec![BusPoint::default(); watts.len()];
        solve_row(source_volts, feed_ohms, &branches, source_volts, &mut points).map(|point| (point, points))
    }

    /// Kirchhoff's two laws, and power: what the source gives is what loads take and resistances heat.
    #[test]
    fn a_row_obeys_kirchhoff() {
        let watts = [24_000.0, 9_000.0, 0.0, 15_500.0];
        let (feed, points) = row(800.0, 0.001, &watts).expect("far from collapse");
        let amps: f64 = points.iter().map(|point| point.amps).sum();
        assert!((feed.amps - amps).abs() < 1e-9 && (800.0 - feed.volts - 0.001 * amps).abs() < 1e-6);
        for (point, power_watts) in points.iter().zip(watts) {
            assert!((feed.volts - point.volts - point.amps * 0.002).abs() < 1e-5, "{point:?}");
            assert!((point.volts * point.amps - power_watts).abs() < 1e-6, "{point:?}");
        }
        let lost: f64 = points.iter().map(|point| point.loss_watts).sum::<f64>() + feed.loss_watts;
        assert!((feed.feed_watts - watts.iter().sum::<f64>() - lost).abs() < 1e-3);
    }

    /// With one branch, both resistances are in series, and the closed form holds for their sum.
    #[test]
    fn one_branch_is_the_closed_form_of_the_series() {
        let (_, points) = row(54.0, 0.003, &[40_000.0]).expect("below the limit");
        let closed = solve(54.0, 40_000.0, 0.005).expect("below the limit");
        assert!((points[0].volts - closed.volts).abs() < 1e-4, "{} {}", points[0].volts, closed.volts);
    }

    #[test]
    fn a_row_collapses_by_a_branch_or_as_a_whole() {
        assert_eq!(row(54.0, 0.0001, &[1_000.0, 400_000.0]).expect_err("too much"), Collapse::Branch(1));
        assert_eq!(row(54.0, 0.05, &[10_000.0, 10_000.0]).expect_err("too much"), Collapse::Feed);
    }
}
