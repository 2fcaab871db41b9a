//! One step of a few racks together: as many as fit in the processor's registers.

use super::Out;
use super::activation::{larger, rectified, sigmoid, softplus, tanh};
use super::weights::{FEATURES, Layer, TILE, Weights};

/// Racks of a block: six rows of two vectors of eight are twelve of the sixteen registers.
pub const ROWS: usize = 6;

/// The room that a block works in, row by row.
#[derive(Debug)]
pub struct Block {
    gate_inputs: Vec<f32>,
    gates: Vec<f32>,
    seen: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    out: Vec<f32>,
    scale: [f32; ROWS],
}

impl Block {
    /// Room for steps with these weights.
    pub fn new(weights: &Weights) -> Self {
        let room = |width: usize| vec![0.0; ROWS * width];
        Self {
            gate_inputs: room(weights.gates.inputs),
            gates: room(weights.gates.padded),
            seen: room(weights.seen.inputs),
            first: room(weights.seen.padded),
            second: room(weights.deep.padded),
            out: room(weights.out.padded),
            scale: [1.0; ROWS],
        }
    }

    /// One step of at most [`ROWS`] racks.
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
        let width = weights.state();
        for (row, (power, (old, new))) in
            power.iter().zip(state.chunks_exact(width).zip(out.state.chunks_exact_mut(width))).enumerate()
        {
            self.observe(weights, row, *power, old, new);
        }
        dense::<FUSED>(&weights.gates, &self.gate_inputs, &mut self.gates);
        for (row, (old, new)) in state.chunks_exact(width).zip(out.state.chunks_exact_mut(width)).enumerate() {
            self.remember(weights, row, old, new);
        }
        dense::<FUSED>(&weights.seen, &self.seen, &mut self.first);
        self.rectify(weights);
        dense::<FUSED>(&weights.deep, &self.seen, &mut self.second);
        self.second.iter_mut().for_each(|unit| *unit = rectified(*unit));
        dense::<FUSED>(&weights.out, &self.second, &mut self.out);
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
        let gate_inputs = &mut self.gate_inputs[row * weights.gates.inputs..(row + 1) * weights.gates.inputs];
        gate_inputs[..FEATURES].copy_from_slice(&features);
        gate_inputs[FEATURES..].copy_from_slice(&old[..hidden]);
        let seen = &mut self.seen[row * weights.seen.inputs..(row + 1) * weights.seen.inputs];
        seen[hidden..hidden + FEATURES].copy_from_slice(&features);
        let samples = &mut seen[hidden + FEATURES..];
        let to_scale = 1.0 / scale;
        let kept = &mut new[2 * hidden..];
        (samples[0], kept[0]) = (x * to_scale, x);
        for (sample, value) in samples[1..].iter_mut().zip(past) {
            *sample = started(*value) * to_scale;
        }
        for (kept, value) in kept[1..lags - 1].iter_mut().zip(past) {
            *kept = started(*value);
        }
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
        self.seen[row * weights.seen.inputs..][..hidden].copy_from_slice(h_new);
    }

    /// The first layer's units, close together where the second one reads them.
    #[inline(always)]
    fn rectify(&mut self, weights: &Weights) {
        let (from, head) = (weights.seen.padded, weights.head);
        for row in 0..ROWS {
            for unit in 0..head {
                self.seen[row * head + unit] = rectified(self.first[row * from + unit]);
            }
        }
    }

    #[inline(always)]
    fn answer(&self, weights: &Weights, row: usize, x: f32, out: &mut Out<'_>) {
        let (horizons, bounds, scale) = (weights.horizons, weights.bounds(), self.scale[row]);
        let line = &self.first[row * weights.seen.padded + weights.head..][..horizons];
        let raw = &self.out[row * weights.out.padded..][..3 * horizons + bounds];
        let widened = |step: usize| softplus(raw[horizons + step]) * weights.width[step] * scale;
        let quantiles = &mut out.quantiles[row * horizons * 3..][..horizons * 3];
        for (horizon, three) in quantiles.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let p50 = rectified(x + (raw[horizon] + line[horizon]) * scale);
            let p90 = p50 + widened(horizon);
            *three = [p50, p90, p90 + widened(horizons + horizon)];
        }
        let mut highest = quantiles[2];
        for (index, bound) in out.bound[row * bounds..][..bounds].iter_mut().enumerate() {
            highest = larger(highest, quantiles[(index + 1) * 3 + 2]) + widened(2 * horizons + index);
            *bound = highest;
        }
    }
}

/// Rows `x` times the layer's matrix, plus its bias.
#[inline(always)]
fn dense<const FUSED: bool>(layer: &Layer, x: &[f32], out: &mut [f32]) {
    let (inputs, padded) = (layer.inputs, layer.padded);
    let x: [&[f32]; ROWS] = std::array::from_fn(|row| &x[row * inputs..(row + 1) * inputs]);
    for tile in (0..padded).step_by(TILE) {
        let bias: &[f32; TILE] = layer.bias[tile..].first_chunk().expect("padded to whole tiles");
        let mut sums = [*bias; ROWS];
        for (input, weights) in layer.weights.chunks_exact(padded).enumerate() {
            let weights: &[f32; TILE] = weights[tile..].first_chunk().expect("padded to whole tiles");
            for row in 0..ROWS {
                let value = x[row][input];
                for column in 0..TILE {
                    let sum = sums[row][column];
                    sums[row][column] =
                        if FUSED { value.mul_add(weights[column], sum) } else { value * weights[column] + sum };
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            out[row * padded + tile..][..TILE].copy_from_slice(sums);
        }
    }
}
