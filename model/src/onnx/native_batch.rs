//! The crate's own step for all racks, with the state that it carries.

use super::{Answer, QUANTILES};
use crate::forecast::Keep;
use crate::native::{NativeStep, Out};

/// State of all racks, before and after a step.
#[derive(Debug, Default)]
pub struct NativeBatch {
    state: Vec<f32>,
    next: Vec<f32>,
    width: usize,
}

impl NativeBatch {
    /// One step; see [`super::OnnxForecast::run`].
    pub fn run(&mut self, native: &mut NativeStep, power: &[f32], keep: Keep, answer: &mut Answer) {
        let (racks, width) = (power.len(), native.state());
        if self.state.len() != racks * width {
            self.width = width;
            self.state.clear();
            self.state.resize(racks * width, 0.0);
            self.next.clear();
            self.next.resize(racks * width, 0.0);
        }
        step(native, power, &self.state, &mut self.next, answer);
        if keep == Keep::Committed {
            std::mem::swap(&mut self.state, &mut self.next);
            // NaN would stay in a rack's state for good, so such a rack starts cold.
            for rack in self.state.chunks_exact_mut(width) {
                if rack.iter().any(|part| !part.is_finite()) {
                    rack.fill(0.0);
                }
            }
        }
    }

    /// A step of one rack from the given state, which is not kept.
    pub fn run_one(&mut self, native: &mut NativeStep, power: f32, state: &[f32], answer: &mut Answer) {
        self.next.resize(state.len(), 0.0);
        step(native, &[power], state, &mut self.next, answer);
    }

    /// Zeroes one rack's state, which is a cold start.
    pub fn reset(&mut self, rack: usize) {
        if let Some(row) = self.state.get_mut(rack * self.width..(rack + 1) * self.width) {
            row.fill(0.0);
        }
    }

    /// The carried state of all racks.
    pub fn state(&self) -> &[f32] {
        &self.state
    }

    #[cfg(test)]
    pub fn state_for_test(&mut self) -> &mut [f32] {
        &mut self.state
    }
}

fn step(native: &mut NativeStep, power: &[f32], state: &[f32], next: &mut [f32], answer: &mut Answer) {
    let (horizons, spans) = native.outputs();
    answer.quantiles.resize(power.len() * horizons * QUANTILES, 0.0);
    answer.maxima.resize(power.len() * spans * QUANTILES, 0.0);
    let mut out = Out { quantiles: &mut answer.quantiles, maxima: &mut answer.maxima, state: next };
    native.run(power, state, &mut out);
}
