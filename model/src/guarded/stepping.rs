//! How the engine steps its model: whom it asks, and what it keeps of the answer.

use ridethrough_core::units::Watts;

use super::{By, Guarded, UNSAID};
use crate::calibration::{At, Calibration};
use crate::forecast::{Keep, Sample};
use crate::onnx::{Asked, RunError, are_finite};
use crate::parts::ratio;
use crate::spoken::Spoken;

impl Guarded {
    /// Steps the model for those whose turn it is, and takes in what it says.
    pub(super) fn ask(&mut self, samples: &[Sample], keep: Keep) -> Result<Option<By>, RunError> {
        let Some(model) = self.model.as_ref() else { return Ok(None) };
        let (horizons, answered) = model.horizons();
        let by = By { hash8: model.hash8(), horizons: horizons.len(), answered };
        self.look(samples, by.horizons);
        self.choose(keep, by.horizons);
        let Some(model) = self.model.as_mut() else { return Ok(None) };
        if let Err(error) = model.run(samples.len(), &self.asked, &mut self.answer) {
            self.turns.failed();
            return Err(error);
        }
        (0..self.asked.len()).for_each(|row| self.take_in(row, by.horizons));
        Ok(Some(by))
    }

    /// What each rack draws, in parts of its reference. A rack that is unknown, or whose limit is another, starts cold.
    fn look(&mut self, samples: &[Sample], horizons: usize) {
        if self.references.len() != samples.len() {
            self.restart(samples.len(), horizons);
        }
        self.power.clear();
        for (rack, sample) in samples.iter().enumerate() {
            self.spoken[rack].grow_older();
            let reading = self.rule.held(rack).reading();
            if reading.is_none() || strayed(self.references[rack], sample.limit) {
                self.references[rack] = sample.limit;
                self.reset(rack);
                self.calibrations[rack].forget();
                self.spoken[rack] = Spoken::default();
                self.said[rack * horizons..(rack + 1) * horizons].fill(UNSAID);
            }
            self.power.push(reading.map_or(0.0, |watts| ratio(watts, self.references[rack])));
        }
    }

    /// Another number of racks is another site.
    fn restart(&mut self, racks: usize, horizons: usize) {
        let samples = self.model.as_ref().map_or(&[][..], |model| model.horizons().0);
        self.references = vec![Watts::ZERO; racks];
        self.calibrations = vec![Calibration::new(samples); racks];
        self.spoken = vec![Spoken::default(); racks];
        self.said = vec![UNSAID; racks * horizons];
        self.turns.restart(racks);
    }

    fn choose(&mut self, keep: Keep, horizons: usize) {
        let (power, spoken, said) = (&self.power, &self.spoken, &self.said);
        let moved = |rack: usize| spoken[rack].moved(power[rack], said.get(rack * horizons));
        let turns = self.turns.choose(keep, moved);
        self.asked.clear();
        self.asked.extend(turns.iter().map(|turn| Asked { rack: turn.rack, power: power[turn.rack], keep: turn.keep }));
    }

    /// Takes in what was said in this row of the answer. What is said of a rack that is unknown is forgotten; a rack whose
    /// answer is not finite starts cold.
    fn take_in(&mut self, row: usize, horizons: usize) {
        let Asked { rack, power: x, keep } = self.asked[row];
        let said = &mut self.said[rack * horizons..(rack + 1) * horizons];
        if self.rule.held(rack).reading().is_none() || !self.answer.row(row, said) {
            said.fill(UNSAID);
            self.spoken[rack] = Spoken::default();
            self.reset(rack);
            return;
        }
        self.spoken[rack] = Spoken::now(x, said);
        if are_finite(said) {
            calibrate(&mut self.calibrations[rack], x, keep, said);
        } else {
            self.reset(rack);
        }
    }
}

/// Adjusts what is said of a rack by what its forecasts were worth, `x` being its present power. A held reading counts as
/// a sample, as the model takes it for one.
fn calibrate(calibration: &mut Calibration, x: f32, keep: Keep, said: &mut [At]) {
    let keep = keep == Keep::Committed;
    if keep {
        calibration.observe(x);
    }
    calibration.adjust(x, keep, said);
}

/// Whether the limit has left the range in which the reference still fits, or there is none yet.
fn strayed(reference: Watts, limit: Watts) -> bool {
    let (reference, limit) = (reference.get(), limit.get());
    limit > reference.saturating_mul(2) || limit < reference / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_moves_a_little_keeps_its_reference() {
        let watts = Watts::new;
        assert!(
            strayed(watts(0), watts(1)) && strayed(watts(1_000), watts(2_001)) && strayed(watts(1_000), watts(499))
        );
        assert!(!strayed(watts(1_000), watts(2_000)) && !strayed(watts(1_000), watts(500)));
    }
}
