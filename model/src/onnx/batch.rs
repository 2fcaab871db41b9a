//! Rows stepped by ONNX Runtime, some hundreds at a time, in tensors that are allocated once for each size.

use ort::memory::Allocator;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionOutputs};
use ort::value::Tensor;

use super::session::{OUT_MAXIMA, OUT_QUANTILES, POWER, STATE_IN, STATE_OUT};
use super::{AGREES, Answer, QUANTILES, RunError, by_own};
use crate::manifest::Manifest;
use crate::native::NativeStep;

/// Rows that the runtime is given together: their intermediate results stay in the nearer caches.
const ROWS_MAX: usize = 256;
/// Rows beyond one such number are filled up to a multiple of it, so that few sizes are ever needed.
const ROWS_STEP: usize = 32;

/// The runtime's session, and tensors of the sizes that were needed.
#[derive(Debug)]
pub struct Batches {
    session: Session,
    batches: Vec<Batch>,
    runs: usize,
    own: Own,
}

/// Room for one row of the crate's own step.
#[derive(Debug, Default)]
struct Own {
    after: Vec<f32>,
    answer: Answer,
}

/// Inputs, and run options that hold the outputs.
struct Batch {
    rows: usize,
    power: Tensor<f32>,
    state_in: Tensor<f32>,
    options: RunOptions<HasSelectedOutputs>,
}

/// Rows of a step: their power, and their state before and after it.
pub struct Rows<'a> {
    pub power: &'a [f32],
    pub before: &'a [f32],
    pub after: &'a mut [f32],
}

impl Batches {
    /// No tensors yet.
    pub fn new(session: Session) -> Self {
        Self { session, batches: Vec::new(), runs: 0, own: Own::default() }
    }

    /// Steps all rows. In each run of the session one row, another one every time, is stepped by `native` as well; the
    /// error of two that disagree names the row.
    pub fn run(
        &mut self,
        native: &mut NativeStep,
        manifest: &Manifest,
        rows: &mut Rows<'_>,
        answer: &mut Answer,
    ) -> Result<(), RunError> {
        let width = manifest.state;
        let befores = rows.before.chunks(ROWS_MAX * width).zip(rows.after.chunks_mut(ROWS_MAX * width));
        for (chunk, (power, (before, after))) in rows.power.chunks(ROWS_MAX).zip(befores).enumerate() {
            let batch = fitting(&mut self.batches, power.len(), manifest)?;
            batch.run(&mut self.session, &mut Rows { power, before, after }, answer)?;
            self.runs = self.runs.wrapping_add(1);
            let row = self.runs % power.len();
            let state = &before[row * width..(row + 1) * width];
            if !self.own.agrees(native, power[row], state, (answer, chunk * ROWS_MAX + row)) {
                return Err(RunError::Disagrees { rack: chunk * ROWS_MAX + row });
            }
        }
        Ok(())
    }
}

impl Own {
    /// Whether the crate's own answer for one row is the runtime's; NaN agrees with NaN.
    fn agrees(&mut self, native: &mut NativeStep, power: f32, state: &[f32], (all, row): (&Answer, usize)) -> bool {
        self.after.resize(state.len(), 0.0);
        by_own::step(native, &[power], state, &mut self.after, &mut self.answer);
        let same = |all: &[f32], own: &[f32]| {
            let row = all.get(row * own.len()..(row + 1) * own.len());
            let close = |a: f32, b: f32| (a - b).abs() <= AGREES * (1.0 + b.abs()) || (a.is_nan() && b.is_nan());
            row.is_some_and(|row| row.iter().zip(own).all(|(a, b)| close(*a, *b)))
        };
        same(&all.quantiles, &self.answer.quantiles) && same(&all.maxima, &self.answer.maxima)
    }
}

fn fitting<'a>(batches: &'a mut Vec<Batch>, rows: usize, manifest: &Manifest) -> Result<&'a mut Batch, RunError> {
    let rows = if rows <= ROWS_STEP { rows } else { rows.next_multiple_of(ROWS_STEP) };
    let place = if let Some(place) = batches.iter().position(|batch| batch.rows == rows) {
        place
    } else {
        batches.push(Batch::new(rows, manifest)?);
        batches.len() - 1
    };
    Ok(&mut batches[place])
}

impl Batch {
    fn new(rows: usize, manifest: &Manifest) -> Result<Self, RunError> {
        let (state, memory) = (manifest.state, Allocator::default());
        let outputs = OutputSelector::no_default()
            .with(OUT_QUANTILES)
            .preallocate(OUT_QUANTILES, Tensor::<f32>::new(&memory, [rows, manifest.horizons.len(), QUANTILES])?)
            .with(OUT_MAXIMA)
            .preallocate(OUT_MAXIMA, Tensor::<f32>::new(&memory, [rows, manifest.spans(), QUANTILES])?)
            .with(STATE_OUT)
            .preallocate(STATE_OUT, Tensor::<f32>::new(&memory, [rows, state])?);
        Ok(Self {
            rows,
            power: Tensor::from_array(([rows, 1], vec![0.0; rows]))?,
            state_in: Tensor::from_array(([rows, state], vec![0.0; rows * state]))?,
            options: RunOptions::new()?.with_outputs(outputs),
        })
    }

    /// One run. Rows that nobody asked for hold what the last run left there, and what is said of them is dropped.
    fn run(&mut self, session: &mut Session, rows: &mut Rows<'_>, answer: &mut Answer) -> Result<(), RunError> {
        let asked = rows.power.len();
        self.power.try_extract_tensor_mut::<f32>()?.1[..asked].copy_from_slice(rows.power);
        self.state_in.try_extract_tensor_mut::<f32>()?.1[..rows.before.len()].copy_from_slice(rows.before);
        let inputs = ort::inputs![POWER => &self.power, STATE_IN => &self.state_in];
        let outputs = session.run_with_options(inputs, &self.options)?;
        let values = answer.horizons * QUANTILES;
        answer.quantiles.extend_from_slice(first(&outputs, OUT_QUANTILES, asked * values)?);
        answer.maxima.extend_from_slice(first(&outputs, OUT_MAXIMA, asked * (values - QUANTILES))?);
        rows.after.copy_from_slice(first(&outputs, STATE_OUT, rows.after.len())?);
        Ok(())
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// The first numbers of an output, as many as are wanted.
fn first<'a>(outputs: &'a SessionOutputs<'_>, name: &str, count: usize) -> Result<&'a [f32], RunError> {
    let missing = || RunError::Runtime { message: format!("gave no output `{name}` of that size") };
    let output = outputs.get(name).ok_or_else(missing)?.try_extract_tensor::<f32>()?.1;
    output.get(..count).ok_or_else(missing)
}
