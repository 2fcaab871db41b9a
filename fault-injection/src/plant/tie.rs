//! A tie: a converter on the source bus and a cable to the sink bus.
//!
//! Cable of two conductors of resistance `R₁`: `ΔV = 2·I·R₁`, loss `2·I²·R₁` (physics page).

use ridethrough_core::device::Direction;
use ridethrough_core::site::Tie as SiteTie;
use ridethrough_core::units::Microohms;

use super::converter::Converter;
use super::{ramp, real};

/// What a flow becomes on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passage {
    /// What leaves the source bus in W.
    pub leaves_watts: f64,
    /// What arrives at the sink bus in W.
    pub arrives_watts: f64,
    /// Lost in the converter in W.
    pub converter_watts: f64,
    /// Lost in the cable in W.
    pub cable_watts: f64,
    /// Drop over the cable in V.
    pub drop_volts: f64,
}

/// A tie at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Tie {
    /// Place in its row of the rack where the forward direction begins.
    pub first: usize,
    /// Place in its row of the rack where the forward direction ends.
    pub second: usize,
    converter: Converter,
    loop_ohms: f64,
    slew_watts_per_second: f64,
    flow_watts: f64,
    healthy: bool,
}

impl Tie {
    /// The tie that the site file describes, at rest; `slew_seconds` is the time from nothing to its rating, `ends` the places of
    /// its racks in their row.
    pub fn new(site: &SiteTie, ends: (usize, usize), slew_seconds: f64) -> Self {
        let converter = Converter::new(site.rated, site.converter);
        Self {
            first: ends.0,
            second: ends.1,
            converter,
            loop_ohms: loop_ohms(site.resistance),
            slew_watts_per_second: converter.rated_watts / slew_seconds,
            flow_watts: 0.0,
            healthy: true,
        }
    }

    /// What leaves the source bus in W, positive in the forward direction.
    pub fn flow_watts(&self) -> f64 {
        self.flow_watts
    }

    /// Rated power in W.
    pub fn rated_watts(&self) -> f64 {
        self.converter.rated_watts
    }

    /// Whether it works.
    pub fn is_healthy(&self) -> bool {
        self.healthy
    }

    /// Breaks or repairs it.
    pub fn set_healthy(&mut self, healthy: bool) {
        self.healthy = healthy;
    }

    /// The racks at both ends, source first.
    pub fn ends(&self, direction: Direction) -> (usize, usize) {
        match direction {
            Direction::Forward => (self.first, self.second),
            Direction::Backward => (self.second, self.first),
        }
    }

    /// The racks between which power flows now, source first.
    pub fn flowing_ends(&self) -> (usize, usize) {
        self.ends(if self.flow_watts >= 0.0 { Direction::Forward } else { Direction::Backward })
    }

    /// What arrives when `leaves_watts` leaves a source bus at `source_volts`.
    pub fn passage(&self, leaves_watts: f64, source_volts: f64) -> Passage {
        let sent_watts = self.converter.output_watts(leaves_watts);
        if sent_watts <= 0.0 || source_volts <= 0.0 {
            // The converter does not start: what it takes only heats it.
            let leaves_watts = leaves_watts.max(0.0);
            return Passage { leaves_watts, converter_watts: leaves_watts, ..Passage::default() };
        }
        let amps = sent_watts / source_volts;
        let drop_volts = amps * self.loop_ohms;
        let cable_watts = amps * amps * self.loop_ohms;
        Passage {
            leaves_watts,
            arrives_watts: sent_watts - cable_watts,
            converter_watts: self.converter.loss_watts(sent_watts),
            cable_watts,
            drop_volts,
        }
    }

    /// What must leave the source bus at `source_volts` so that `arrives_watts` arrives: the smaller root of
    /// `P − k·P² = arrives` with `k = 2·R₁/V²`, then the converter's input.
    pub fn leaving_watts(&self, arrives_watts: f64, source_volts: f64) -> f64 {
        if arrives_watts <= 0.0 || source_volts <= 0.0 {
            return 0.0;
        }
        let per_watt = self.loop_ohms / (source_volts * source_volts);
        let root = (1.0 - 4.0 * per_watt * arrives_watts).max(0.0).sqrt();
        self.converter.input_watts(2.0 * arrives_watts / (1.0 + root))
    }

    /// One step towards `wanted_watts` leaving, positive in the forward direction, within the rating.
    pub fn step(&mut self, wanted_watts: f64, step_seconds: f64) {
        let rated = self.converter.rated_watts;
        self.flow_watts = if self.healthy {
            ramp(self.flow_watts, wanted_watts.clamp(-rated, rated), self.slew_watts_per_second * step_seconds)
        } else {
            0.0
        };
    }

    /// Cuts the flow at once: one of its buses is dead.
    pub fn cut(&mut self) {
        self.flow_watts = 0.0;
    }
}

fn loop_ohms(conductor: Microohms) -> f64 {
    2.0 * real(conductor.get()) * 1e-6
}

/// A flow in the sign convention of [`Tie::flow_watts`].
pub fn signed(direction: Direction, watts: f64) -> f64 {
    match direction {
        Direction::Forward => watts,
        Direction::Backward => -watts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridethrough_core::site::{ConverterLoss, RackId};
    use ridethrough_core::units::{Millimetres, Watts};

    fn tie(microohms: i64, rated: i64, loss: ConverterLoss) -> Tie {
        let site = SiteTie {
            name: "T".into(),
            between: (RackId(0), RackId(1)),
            length: Millimetres::new(30_000),
            resistance: Microohms::new(microohms),
            rated: Watts::new(rated),
            converter: loss,
        };
        Tie::new(&site, (0, 1), 0.005)
    }

    const LOSSLESS: ConverterLoss = ConverterLoss { fixed_ppm: 0, linear_ppm: 0, quadratic_ppm: 0 };
    const USUAL: ConverterLoss = ConverterLoss { fixed_ppm: 4_000, linear_ppm: 4_590, quadratic_ppm: 27_700 };

    /// 30 m of 95 mm² copper at 20 °C (1.7241e-8 Ω·m) is 5.44 mΩ per conductor.
    #[test]
    fn the_worked_example_of_the_physics_page() {
        let passage = tie(5_430, 130_000, LOSSLESS).passage(120_000.0, 800.0);
        assert!((passage.drop_volts - 1.6).abs() < 0.05, "{} V", passage.drop_volts);
        assert!((passage.cable_watts - 244.0).abs() < 1.0, "{} W", passage.cable_watts);
        assert!((passage.arrives_watts - (120_000.0 - passage.cable_watts)).abs() < 1e-9);
    }

    #[test]
    fn what_leaves_is_what_arrives_and_what_is_lost() {
        let tie = tie(14_000, 28_000, USUAL);
        for arrives in [10.0, 5_000.0, 20_000.0, 26_000.0] {
            let passage = tie.passage(tie.leaving_watts(arrives, 800.0), 800.0);
            assert!((passage.arrives_watts - arrives).abs() < 1e-6, "{passage:?}");
            let sum = passage.arrives_watts + passage.cable_watts + passage.converter_watts;
            assert!((passage.leaves_watts - sum).abs() < 1e-6, "{passage:?}");
        }
    }

    #[test]
    fn it_turns_round_through_nothing() {
        let mut tie = tie(14_000, 28_000, USUAL);
        for _ in 0..10 {
            tie.step(28_000.0, 0.001);
        }
        let mut flows = Vec::new();
        for _ in 0..10 {
            tie.step(-28_000.0, 0.001);
            flows.push(tie.flow_watts());
        }
        assert!(flows.windows(2).all(|pair| pair[0] - pair[1] <= 28_000.0 / 5.0 + 1e-6), "{flows:?}");
        assert!((tie.flow_watts() + 28_000.0).abs() < 1e-6);
    }
}
