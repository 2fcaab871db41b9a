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

use self::block::{Block, ROWS};
use self::weights::Weights;

/// The step, with the room that it works in.
#[derive(Debug)]
pub struct NativeStep {
    weights: Weights,
    block: Block,
}

/// Where the answers of a step go: one row for each rack, in rack order.
#[derive(Debug)]
pub struct Out<'a> {
    /// P50, P90 and P99 of each horizon.
    pub quantiles: &'a mut [f32],
    /// The bounds on the maximum.
    pub bound: &'a mut [f32],
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

    /// Horizons and bounds.
    pub fn outputs(&self) -> (usize, usize) {
        (self.weights.horizons, self.weights.bounds())
    }

    /// One step of all racks: `power` one number each, `state` and `out` one row each.
    ///
    /// Allocates nothing. A NaN in a rack's power or state comes out in its answer.
    pub fn run(&mut self, power: &[f32], state: &[f32], out: &mut Out<'_>) {
        let (width, (horizons, bounds)) = (self.state(), self.outputs());
        let rows = power.chunks(ROWS).zip(state.chunks(ROWS * width));
        let answers = out.quantiles.chunks_mut(ROWS * horizons * 3).zip(out.bound.chunks_mut(ROWS * bounds));
        let answers = answers.zip(out.state.chunks_mut(ROWS * width));
        for ((power, state), ((quantiles, bound), state_out)) in rows.zip(answers) {
            let mut out = Out { quantiles, bound, state: state_out };
            self.block.step(&self.weights, power, state, &mut out);
        }
    }
}
