//! Losses and voltage drops in integers, rounded against us.
//!
//! A tie takes power from its source bus through its converter and sends it over a two-conductor cable, so that
//! `out = flow − converter(flow) − 2·I²·R`, with `I` at the nominal bus potential (equations: ARCHITECTURE.md,
//! "Physics"). The emulated plant computes the same in floating point; a test compares them.

use crate::command::Hop;
use crate::site::{ConverterLoss, Kesm, Site, Tie};
use crate::units::{Joules, Millis, Millivolts, Watts};

/// One-way efficiency of the flywheel's own machine, in thousandths; its reciprocal is what a joule at the
/// converter costs in the wheel.
const WHEEL_EFFICIENCY_PERMILLE: i128 = 950;
/// Rounds of the fixed-point search in [`tie_flow`]; each shrinks the error by the loss ratio (below a tenth).
const ROUNDS: usize = 6;

/// What a converter of this rating loses when it passes `power`, rounded up.
pub fn converter_loss(loss: ConverterLoss, rated: Watts, power: Watts) -> Watts {
    if power <= Watts::ZERO || rated <= Watts::ZERO {
        return Watts::ZERO;
    }
    let (power, rated) = (i128::from(power.get()), i128::from(rated.get()));
    let parts = i128::from(loss.fixed_ppm) * rated
        + i128::from(loss.linear_ppm) * power
        + i128::from(loss.quadratic_ppm) * power * power / rated;
    watts(ceiling(parts, 1_000_000))
}

/// What a tie's cable loses when `power` enters it, rounded up.
pub fn cable_loss(tie: &Tie, bus: Millivolts, power: Watts) -> Watts {
    // W·W·µΩ / (mV·mV) = 10⁻⁶·W² / (10⁻⁶·V²): the prefixes cancel.
    let (power, volts_milli) = (i128::from(power.get()), i128::from(bus.get().max(1)));
    watts(ceiling(2 * power * power * i128::from(tie.resistance.get()), volts_milli * volts_milli))
}

/// The voltage drop over a tie that carries `power`, in thousandths of the bus potential, rounded up.
pub fn drop_permille(tie: &Tie, bus: Millivolts, power: Watts) -> u32 {
    let volts_milli = i128::from(bus.get().max(1));
    let permille =
        ceiling(2 * i128::from(power.get()) * i128::from(tie.resistance.get()) * 1_000, volts_milli * volts_milli);
    u32::try_from(permille).unwrap_or(u32::MAX)
}

/// What a tie must take from its source bus so that `delivered` reaches its sink, rounded up.
pub fn tie_flow(tie: &Tie, bus: Millivolts, delivered: Watts) -> Watts {
    if delivered <= Watts::ZERO {
        return Watts::ZERO;
    }
    let mut flow = delivered;
    for _ in 0..ROUNDS {
        let lost = converter_loss(tie.converter, tie.rated, flow).saturating_add(cable_loss(tie, bus, flow));
        let next = delivered.saturating_add(lost);
        if next == flow {
            break;
        }
        flow = next;
    }
    flow
}

/// What leaves the source bus of each tie of a path so that `delivered` reaches its end, first tie first. The first
/// is also what the source must supply; an empty path supplies what it delivers.
pub fn path_flows(site: &Site, path: &[Hop], delivered: Watts) -> Vec<Watts> {
    let mut flows = Vec::with_capacity(path.len());
    let mut wanted = delivered;
    for hop in path.iter().rev() {
        let tie = site.tie(hop.tie);
        wanted = tie_flow(tie, site.bus(tie.source(hop.direction)), wanted);
        flows.push(wanted);
    }
    flows.reverse();
    flows
}

/// Energy that leaves a module's store when it supplies `power` for `span`, rounded up.
pub fn stored_for(kesm: &Kesm, power: Watts, span: Millis) -> Joules {
    let at_wheel = power.saturating_add(converter_loss(kesm.converter, kesm.rated, power)).over(span);
    Joules::new(
        i64::try_from(ceiling(i128::from(at_wheel.get()) * 1_000, WHEEL_EFFICIENCY_PERMILLE)).unwrap_or(i64::MAX),
    )
}

fn ceiling(numerator: i128, denominator: i128) -> i128 {
    numerator.div_euclid(denominator) + i128::from(numerator.rem_euclid(denominator) != 0)
}

fn watts(wide: i128) -> Watts {
    Watts::new(i64::try_from(wide).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::RackId;
    use crate::units::{Microohms, Millimetres};

    const LOSSLESS: ConverterLoss = ConverterLoss { fixed_ppm: 0, linear_ppm: 0, quadratic_ppm: 0 };

    fn tie(resistance: i64, converter: ConverterLoss) -> Tie {
        Tie {
            name: "t".into(),
            between: (RackId(0), RackId(1)),
            length: Millimetres::new(30_000),
            resistance: Microohms::new(resistance),
            rated: Watts::new(120_000),
            converter,
        }
    }

    /// The worked example of the cable equation: 120 kW at 800 V over 30 m of 95 mm² copper is 150 A, 1.6 V, 244 W.
    #[test]
    fn the_cable_example_comes_out() {
        let tie = tie(5_432, LOSSLESS);
        let (bus, power) = (Millivolts::new(800_000), Watts::new(120_000));
        assert_eq!(power.at(bus).get(), 150_000);
        assert!((244..=245).contains(&cable_loss(&tie, bus, power).get()));
        assert_eq!(drop_permille(&tie, bus, power), 3, "1.6 V of 800 V is 2.04 ‰, rounded up");
    }

    #[test]
    fn a_converter_has_its_stated_efficiency() {
        let stated = ConverterLoss { fixed_ppm: 4_000, linear_ppm: 4_590, quadratic_ppm: 27_700 };
        let lost = |power| converter_loss(stated, Watts::new(50_000), Watts::new(power)).get();
        assert_eq!(lost(50_000), 1_815, "96.5 % at the rating");
        assert!((485..=490).contains(&lost(19_000)), "97.5 % at 38 % of the rating");
        assert_eq!(lost(0), 0);
    }

    #[test]
    fn a_flow_covers_what_it_must_deliver() {
        let tie = tie(8_400, ConverterLoss { fixed_ppm: 4_000, linear_ppm: 4_590, quadratic_ppm: 27_700 });
        let bus = Millivolts::new(800_000);
        for delivered in [1, 50, 9_999, 60_000, 110_000] {
            let flow = tie_flow(&tie, bus, Watts::new(delivered));
            let lost = converter_loss(tie.converter, tie.rated, flow).get() + cable_loss(&tie, bus, flow).get();
            let slack = flow.get() - lost - delivered;
            assert!((-1..=3).contains(&slack), "{delivered} W: {flow} less {lost} W leaves {slack} W over");
        }
    }
}
