//! A power converter: `input = output + a + b·output + c·output²/rated`, so that
//! `η(P) = P/(P + a + b·P + c·P²)` as on the physics page. The three come from the site file.

use ridethrough_core::site::ConverterLoss;
use ridethrough_core::units::Watts;

use super::real;

/// Losses of one converter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Converter {
    /// Rated power in W.
    pub rated_watts: f64,
    fixed_watts: f64,
    linear: f64,
    quadratic_per_watt: f64,
}

impl Converter {
    /// The converter that the site file describes.
    pub fn new(rated: Watts, loss: ConverterLoss) -> Self {
        let rated_watts = real(rated.get());
        let share = |ppm: u32| f64::from(ppm) * 1e-6;
        Self {
            rated_watts,
            fixed_watts: share(loss.fixed_ppm) * rated_watts,
            linear: share(loss.linear_ppm),
            quadratic_per_watt: share(loss.quadratic_ppm) / rated_watts,
        }
    }

    /// What it loses at this output in W; nothing when it is off.
    pub fn loss_watts(&self, output_watts: f64) -> f64 {
        if output_watts <= 0.0 {
            return 0.0;
        }
        self.fixed_watts + (self.linear + self.quadratic_per_watt * output_watts) * output_watts
    }

    /// What it takes to give this output in W.
    pub fn input_watts(&self, output_watts: f64) -> f64 {
        output_watts.max(0.0) + self.loss_watts(output_watts)
    }

    /// What it gives from this input in W: the root of `c·P² + (1 + b)·P + a = input`. An input that does not cover
    /// the fixed loss leaves it off.
    pub fn output_watts(&self, input_watts: f64) -> f64 {
        let net_watts = input_watts - self.fixed_watts;
        if net_watts <= 0.0 {
            return 0.0;
        }
        let slope = 1.0 + self.linear;
        2.0 * net_watts / (slope + (slope * slope + 4.0 * self.quadratic_per_watt * net_watts).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_converter() -> Converter {
        let loss = ConverterLoss { fixed_ppm: 4_000, linear_ppm: 4_590, quadratic_ppm: 27_700 };
        Converter::new(Watts::new(50_000), loss)
    }

    #[test]
    fn efficiency_peaks_at_97_5_and_ends_at_96_5_percent() {
        let converter = default_converter();
        let efficiency = |output: f64| output / converter.input_watts(output);
        assert!((efficiency(19_000.0) - 0.975).abs() < 5e-4, "{}", efficiency(19_000.0));
        assert!((efficiency(50_000.0) - 0.965).abs() < 5e-4, "{}", efficiency(50_000.0));
    }

    #[test]
    fn output_inverts_input() {
        let converter = default_converter();
        for output in [1.0, 300.0, 20_000.0, 50_000.0] {
            let back = converter.output_watts(converter.input_watts(output));
            assert!((back - output).abs() < 1e-6, "{output} came back as {back}");
        }
        assert!(converter.output_watts(199.0) <= 0.0, "the fixed loss is not covered");
    }
}
