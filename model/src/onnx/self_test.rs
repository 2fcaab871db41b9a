//! A model must prove itself before it may speak: finite, ordered, and honest about NaN.

use super::{Answer, OnnxForecast, all, are_finite, rise};
use crate::forecast::Keep;
use crate::load_error::SelfTestFault;

/// Seconds of a made-up rack that rises from idle to its limit and falls again.
const POWER: [f32; 8] = [0.0, 0.3, 0.3, 0.9, 1.0, 1.0, 0.4, 0.4];

/// What a forecast may be at most, in parts of the reference: more than the engine believes, since these racks are cold.
const MOST: f32 = 10.0;

/// Runs some steps of two racks, then one with NaN in the first rack.
pub fn run(model: &mut OnnxForecast) -> Result<(), SelfTestFault> {
    let mut answer = Answer::default();
    let mut step = |power: [f32; 2], answer: &mut Answer| {
        let ran = model.run(power.len(), &all(&power, Keep::Committed), answer);
        ran.map_err(|error| SelfTestFault::Refused { message: error.to_string() })
    };
    for power in POWER {
        step([power, 0.5], &mut answer)?;
        check(&answer, 0)?;
        check(&answer, 1)?;
    }
    step([f32::NAN, 0.5], &mut answer)?;
    check(&answer, 1)?;
    let mut said = answer.room();
    if answer.row(0, &mut said) && are_finite(&said) { Err(SelfTestFault::HidesNan) } else { Ok(()) }
}

fn check(answer: &Answer, rack: usize) -> Result<(), SelfTestFault> {
    let mut said = answer.room();
    if !answer.row(rack, &mut said) || !are_finite(&said) {
        Err(SelfTestFault::NotFinite)
    } else if rise(&said) && said.iter().all(|at| at.peak[2] <= MOST) {
        Ok(())
    } else {
        Err(SelfTestFault::Absurd)
    }
}
