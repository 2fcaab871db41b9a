//! The tensors of one number of racks, allocated once and reused by every step.

use ort::memory::Allocator;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionOutputs};
use ort::value::Tensor;

use super::native_batch::NativeBatch;
use super::session::{OUT_MAXIMA, OUT_QUANTILES, POWER, STATE_IN, STATE_OUT};
use super::{AGREES, Answer, QUANTILES, RunError};
use crate::forecast::Keep;
use crate::manifest::Manifest;
use crate::native::NativeStep;

/// Inputs, and run options that hold the outputs.
pub struct Batch {
    racks: usize,
    state: usize,
    power: Tensor<f32>,
    state_in: Tensor<f32>,
    options: RunOptions<HasSelectedOutputs>,
    /// Room for one rack of the crate's own step.
    checked: (NativeBatch, Answer),
}

impl Batch {
    /// Tensors for `racks` cold racks.
    pub fn new(racks: usize, manifest: &Manifest) -> Result<Self, RunError> {
        let (state, memory) = (manifest.state, Allocator::default());
        let outputs = OutputSelector::no_default()
            .with(OUT_QUANTILES)
            .preallocate(OUT_QUANTILES, Tensor::<f32>::new(&memory, [racks, manifest.horizons.len(), QUANTILES])?)
            .with(OUT_MAXIMA)
            .preallocate(OUT_MAXIMA, Tensor::<f32>::new(&memory, [racks, manifest.spans(), QUANTILES])?)
            .with(STATE_OUT)
            .preallocate(STATE_OUT, Tensor::<f32>::new(&memory, [racks, state])?);
        Ok(Self {
            racks,
            state,
            power: Tensor::from_array(([racks, 1], vec![0.0; racks]))?,
            state_in: Tensor::from_array(([racks, state], vec![0.0; racks * state]))?,
            options: RunOptions::new()?.with_outputs(outputs),
            checked: Default::default(),
        })
    }

    /// How many racks it is for.
    pub fn racks(&self) -> usize {
        self.racks
    }

    /// One step; see [`super::OnnxForecast::run`]. The crate's own step of one rack must agree with it.
    pub fn run(
        &mut self,
        session: &mut Session,
        (native, rack): (&mut NativeStep, usize),
        power: &[f32],
        keep: Keep,
        answer: &mut Answer,
    ) -> Result<(), RunError> {
        let (_, to) = self.power.try_extract_tensor_mut::<f32>()?;
        to.copy_from_slice(power);
        let inputs = ort::inputs![POWER => &self.power, STATE_IN => &self.state_in];
        let outputs = session.run_with_options(inputs, &self.options)?;
        answer.quantiles.extend_from_slice(floats(&outputs, OUT_QUANTILES)?);
        answer.maxima.extend_from_slice(floats(&outputs, OUT_MAXIMA)?);
        let state = self.state_in.try_extract_tensor::<f32>()?.1;
        let (batch, own) = &mut self.checked;
        own.horizons = answer.horizons;
        batch.run_one(native, power[rack], &state[rack * self.state..(rack + 1) * self.state], own);
        if !agree(answer, own, rack) {
            answer.quantiles.clear();
            answer.maxima.clear();
            return Err(RunError::Disagrees { rack });
        }
        match keep {
            Keep::Provisional => Ok(()),
            Keep::Committed => commit(&mut self.state_in, floats(&outputs, STATE_OUT)?, self.state),
        }
    }

    /// Zeroes one rack's state, which is a cold start.
    pub fn reset(&mut self, rack: usize) {
        let state = self.state;
        if let Ok((_, all)) = self.state_in.try_extract_tensor_mut::<f32>()
            && let Some(row) = all.get_mut(rack * state..(rack + 1) * state)
        {
            row.fill(0.0);
        }
    }

    /// The carried state of all racks.
    pub fn state(&self) -> Option<&[f32]> {
        self.state_in.try_extract_tensor::<f32>().ok().map(|(_, state)| state)
    }

    /// The same, to be spoilt.
    #[cfg(test)]
    pub fn state_for_test(&mut self) -> &mut [f32] {
        self.state_in.try_extract_tensor_mut::<f32>().expect("a tensor of floats").1
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("racks", &self.racks).field("state", &self.state).finish_non_exhaustive()
    }
}

fn floats<'a>(outputs: &'a SessionOutputs<'_>, name: &str) -> Result<&'a [f32], RunError> {
    let missing = || RunError::Runtime { message: format!("gave no output `{name}`") };
    Ok(outputs.get(name).ok_or_else(missing)?.try_extract_tensor::<f32>()?.1)
}

/// Takes the new state over. NaN would stay in a rack's state for good, so such a rack starts cold.
fn commit(state_in: &mut Tensor<f32>, new: &[f32], state: usize) -> Result<(), RunError> {
    let (_, old) = state_in.try_extract_tensor_mut::<f32>()?;
    for (old, new) in old.chunks_exact_mut(state).zip(new.chunks_exact(state)) {
        if new.iter().all(|part| part.is_finite()) {
            old.copy_from_slice(new);
        } else {
            old.fill(0.0);
        }
    }
    Ok(())
}

/// Whether the crate's own answer for one rack is the runtime's; NaN agrees with NaN.
fn agree(all: &Answer, own: &Answer, rack: usize) -> bool {
    let same = |all: &[f32], own: &[f32]| {
        let row = all.get(rack * own.len()..(rack + 1) * own.len());
        row.is_some_and(|row| {
            row.iter().zip(own).all(|(a, b)| (a - b).abs() <= AGREES * (1.0 + b.abs()) || (a.is_nan() && b.is_nan()))
        })
    };
    same(&all.quantiles, &own.quantiles) && same(&all.maxima, &own.maxima)
}
