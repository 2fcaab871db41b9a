//! One step of some racks together, so that the weights are read once for all of them.

use super::Out;
use super::activation::{larger, rectified, sigmoid, softplus, tanh};
use super::weights::{FEATURES, Layer, TILE, Weights};

/// Rows that a kernel works on together: six rows of two vectors of eight are twelve of the sixteen registers.
const ROWS: usize = 6;
/// Groups of so many rows that share a tile of weights while it is in the nearest cache.
const GROUPS: usize = 4;
/// Racks of a block.
pub const BLOCK: usize = ROWS * GROUPS;

/// What goes into a layer, group by group: for each input the numbers of a group's rows, side by side.
type Inputs = Vec<[f32; ROWS]>;

/// The room that a block works in.
#[derive(Clone)]
pub struct Block {
    gate_inputs: Inputs,
    seen: Inputs,
    first_out: Inputs,
    second_out: Inputs,
    // What comes out of each layer, row by row.
    gates: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    out: Vec<f32>,
    scale: [f32; BLOCK],
}

impl Block {
    /// Room for steps with these weights.
    pub fn new(weights: &Weights) -> Self {
        let inputs = |layer: &Layer| vec![[0.0; ROWS]; GROUPS * layer.inputs];
        let outputs = |layer: &Layer| vec![0.0; BLOCK * layer.padded];
        Self {
            gate_inputs: inputs(&weights.gates),
            seen: inputs(&weights.seen),
            first_out: inputs(&weights.deep),
            second_out: inputs(&weights.out),
            gates: outputs(&weights.gates),
            first: outputs(&weights.seen),
            second: outputs(&weights.deep),
            out: outputs(&weights.out),
            scale: [1.0; BLOCK],
        }
    }

    /// One step of at most [`BLOCK`] racks.
    pub fn step(&mut self, weights: &Weights, power: &[f32], state: &[f32], out: &mut Out<'_>) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has what the function is compiled for.
            #[allow(unsafe_code, reason = "the compiler cannot know what it will run on; the line above does")]
            return unsafe { self.step_avx2(weights, power, state, out) };
        }
        self.step_with::<false>(weights, power, state, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn step_avx2(&mut self, weights: &Weights, power: &[f32], state: &[f32], out: &mut Out<'_>) {
        self.step_with::<true>(weights, power, state, out);
    }

    #[inline(always)]
    fn step_with<const FUSED: bool>(&mut self, weights: &Weights, power: &[f32], state: &[f32], out: &mut Out<'_>) {
        let (width, groups) = (weights.state(), power.len().div_ceil(ROWS));
        for (row, (power, (old, new))) in
            power.iter().zip(state.chunks_exact(width).zip(out.state.chunks_exact_mut(width))).enumerate()
        {
            self.observe(weights, row, *power, old, new);
        }
        dense::<FUSED>(&weights.gates, groups, &self.gate_inputs, &mut self.gates);
        for (row, (old, new)) in state.chunks_exact(width).zip(out.state.chunks_exact_mut(width)).enumerate() {
            self.remember(weights, row, old, new);
        }
        dense::<FUSED>(&weights.seen, groups, &self.seen, &mut self.first);
        rectify(weights.deep.inputs, &self.first, weights.seen.padded, &mut self.first_out);
        dense::<FUSED>(&weights.deep, groups, &self.first_out, &mut self.second);
        rectify(weights.out.inputs, &self.second, weights.deep.padded, &mut self.second_out);
        dense::<FUSED>(&weights.out, groups, &self.second_out, &mut self.out);
        for (row, power) in power.iter().enumerate() {
            self.answer(weights, row, *power, out);
        }
    }

    /// Carries the samples and running values on, and writes features and samples where the layers read them.
    #[inline(always)]
    fn observe(&mut self, weights: &Weights, row: usize, x: f32, old: &[f32], new: &mut [f32]) {
        let (hidden, lags) = (weights.hidden, weights.lags);
        let (past, scalars) = old[2 * hidden..].split_at(lags - 1);
        let [top, fast, slow, warm] = [scalars[0], scalars[1], scalars[2], scalars[3]];
        let started = |value: f32| x + warm * (value - x);
        let [rate_top, rate_fast, rate_slow] = weights.rates;
        let moved = |value: f32, rate: f32| value + (x - value) * rate;
        let top = larger(x, moved(top, rate_top));
        let (fast, slow) = (moved(started(fast), rate_fast), moved(started(slow), rate_slow));
        let scale = larger(top, weights.floor);
        let prev = started(past[0]);
        let features = [x, x - prev, x - fast, x - slow, slow, top - x].map(|part| part / scale);
        let (group, column) = (row / ROWS, row % ROWS);
        let gate_inputs = &mut self.gate_inputs[group * weights.gates.inputs..][..weights.gates.inputs];
        for (input, value) in gate_inputs.iter_mut().zip(features.iter().chain(&old[..hidden])) {
            input[column] = *value;
        }
        let seen = &mut self.seen[group * weights.seen.inputs..][..weights.seen.inputs];
        let (derived, samples) = seen[hidden..].split_at_mut(FEATURES);
        for (input, value) in derived.iter_mut().zip(features) {
            input[column] = value;
        }
        let kept = &mut new[2 * hidden..];
        kept[0] = x;
        for (kept, value) in kept[1..lags].iter_mut().zip(past) {
            *kept = started(*value);
        }
        let to_scale = 1.0 / scale;
        for (sample, value) in samples.iter_mut().zip(&kept[..lags]) {
            sample[column] = value * to_scale;
        }
        // The oldest sample has been seen; what is carried has these in its place.
        kept[lags - 1..].copy_from_slice(&[top, fast, slow, 1.0 + 0.0 * warm]);
        self.scale[row] = scale;
    }

    /// The LSTM's cell.
    #[inline(always)]
    fn remember(&mut self, weights: &Weights, row: usize, old: &[f32], new: &mut [f32]) {
        let hidden = weights.hidden;
        let gates = &self.gates[row * weights.gates.padded..(row + 1) * weights.gates.padded];
        let (input, forget) = (&gates[..hidden], &gates[hidden..]);
        let (cell, output) = (&gates[2 * hidden..], &gates[3 * hidden..]);
        let (h_new, rest) = new.split_at_mut(hidden);
        let c_old = &old[hidden..2 * hidden];
        for unit in 0..hidden {
            let c = sigmoid(forget[unit]) * c_old[unit] + sigmoid(input[unit]) * tanh(cell[unit]);
            rest[unit] = c;
            h_new[unit] = sigmoid(output[unit]) * tanh(c);
        }
        let seen = &mut self.seen[(row / ROWS) * weights.seen.inputs..];
        for (input, h) in seen.iter_mut().zip(h_new) {
            input[row % ROWS] = *h;
        }
    }

    #[inline(always)]
    fn answer(&mut self, weights: &Weights, row: usize, x: f32, out: &mut Out<'_>) {
        let (horizons, spans, scale) = (weights.horizons, weights.spans(), self.scale[row]);
        let line = &self.first[row * weights.seen.padded + weights.head..][..horizons];
        let raw = &mut self.out[row * weights.out.padded..][..3 * (horizons + spans)];
        let (raw, steps) = raw.split_at_mut(horizons);
        // All of them in one loop, which becomes vector instructions.
        for (step, width) in steps.iter_mut().zip(&weights.width) {
            *step = softplus(*step) * width * scale;
        }
        let widened = |step: usize| steps[step];
        let quantiles = &mut out.quantiles[row * horizons * 3..][..horizons * 3];
        for (horizon, three) in quantiles.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let p50 = rectified(x + (raw[horizon] + line[horizon]) * scale);
            let p90 = p50 + widened(horizon);
            *three = [p50, p90, p90 + widened(horizons + horizon)];
        }
        let (quantiles, _) = quantiles.as_chunks::<3>();
        let maxima = out.maxima[row * spans * 3..][..spans * 3].as_chunks_mut::<3>().0;
        let mut highest = quantiles[0];
        for (span, (three, at_end)) in maxima.iter_mut().zip(&quantiles[1..]).enumerate() {
            // No quantile of the maximum is below the one before it, as none is below the same one of any value in the span.
            let mut least = 0.0;
            for level in 0..3 {
                let floor = larger(larger(highest[level], at_end[level]), least);
                least = floor + widened(2 * horizons + level * spans + span);
                highest[level] = least;
            }
            *three = highest;
        }
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").finish_non_exhaustive()
    }
}

/// A layer's outputs, cut off at 0, as what goes into the next one.
#[inline(always)]
fn rectify(units: usize, out: &[f32], padded: usize, inputs: &mut [[f32; ROWS]]) {
    for (group, inputs) in out.chunks_exact(ROWS * padded).zip(inputs.chunks_exact_mut(units)) {
        for (row, outputs) in group.chunks_exact(padded).enumerate() {
            for (input, unit) in inputs.iter_mut().zip(outputs) {
                input[row] = rectified(*unit);
            }
        }
    }
}

/// So many groups of rows times the layer's matrix, plus its bias.
#[inline(always)]
fn dense<const FUSED: bool>(layer: &Layer, groups: usize, x: &[[f32; ROWS]], out: &mut [f32]) {
    let tiles = layer.weights.chunks_exact(layer.inputs).zip(layer.bias.as_chunks::<TILE>().0);
    for (tile, (weights, bias)) in tiles.enumerate() {
        let groups = x.chunks_exact(layer.inputs).zip(out.chunks_exact_mut(ROWS * layer.padded)).take(groups);
        for (x, out) in groups {
            let sums = multiplied::<FUSED>(x, weights, bias);
            for (sums, out) in sums.iter().zip(out.chunks_exact_mut(layer.padded)) {
                out[tile * TILE..][..TILE].copy_from_slice(sums);
            }
        }
    }
}

#[inline(always)]
fn multiplied<const FUSED: bool>(
    x: &[[f32; ROWS]],
    weights: &[[f32; TILE]],
    bias: &[f32; TILE],
) -> [[f32; TILE]; ROWS] {
    let mut sums = [*bias; ROWS];
    for (x, weights) in x.iter().zip(weights) {
        for (value, sums) in x.iter().zip(&mut sums) {
            for (weight, sum) in weights.iter().zip(sums) {
                *sum = if FUSED { value.mul_add(*weight, *sum) } else { value * weight + *sum };
            }
        }
    }
    sums
}
