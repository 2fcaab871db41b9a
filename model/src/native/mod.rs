//! The step of the model in plain Rust, from the weights in the same file: it checks the runtime, and stands in for it.
//!
//! Written from what the step computes (`training/network.py`), not from the graph, so that a fault in the export or in
//! the runtime shows as a difference. See [`weights`] for the names by which it finds its numbers.

#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the processor that it runs on")]
mod activation;
#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the processor that it runs on")]
mod block;
mod proto;
mod weights;

#[cfg(test)]
mod tests;

pub use self::weights::WeightsFault;

use std::ops::Range;

use self::block::{BLOCK, Block};
use self::weights::Weights;

/// The step, with the room that it works in.
#[derive(Clone, Debug)]
pub struct NativeStep {
    weights: Weights,
    block: Block,
}

/// Where the answers of a step go: one row for each rack, in rack order.
#[derive(Debug)]
pub struct Out<'a> {
    /// P50, P90 and P99 of each horizon.
    pub quantiles: &'a mut [f32],
    /// P50, P90 and P99 of the maximum over each span.
    pub maxima: &'a mut [f32],
    /// What is carried on.
    pub state: &'a mut [f32],
}

impl NativeStep {
    /// The step of the model file `onnx`.
    pub fn read(onnx: &[u8]) -> Result<Self, WeightsFault> {
        let weights = Weights::read(onnx)?;
        let block = Block::new(&weights);
        Ok(Self { weights, block })
    }

    /// Floats carried for each rack.
    pub fn state(&self) -> usize {
        self.weights.state()
    }

    /// Where a row of the state has the samples before this one, newest first, and how long the row is.
    pub fn past(&self) -> (Range<usize>, usize) {
        let first = 2 * self.weights.hidden;
        (first..first + self.weights.lags - 1, self.state())
    }

    /// Horizons and spans.
    pub fn outputs(&self) -> (usize, usize) {
        (self.weights.horizons, self.weights.spans())
    }

    /// One step of all racks: `power` one number each, `state` and `out` one row each.
    ///
    /// Allocates nothing. A NaN in a rack's power or state comes out in its answer.
    pub fn run(&mut self, power: &[f32], state: &[f32], out: &mut Out<'_>) {
        let (width, (horizons, spans)) = (self.state(), self.outputs());
        let rows = power.chunks(BLOCK).zip(state.chunks(BLOCK * width));
        let answers = out.quantiles.chunks_mut(BLOCK * horizons * 3).zip(out.maxima.chunks_mut(BLOCK * spans * 3));
        let answers = answers.zip(out.state.chunks_mut(BLOCK * width));
        for ((power, state), ((quantiles, maxima), state_out)) in rows.zip(answers) {
            let mut out = Out { quantiles, maxima, state: state_out };
            self.block.step(&self.weights, power, state, &mut out);
        }
    }
}
