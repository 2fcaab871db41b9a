//! The learned model: an ONNX Runtime session, or the crate's own step where there is none, and the state that is
//! carried for each rack.
//!
//! In each step of the session one rack, another one every time, is stepped by the crate's own code as well; where the
//! two disagree, nothing of the step is used.
//!
//! Floats live in this module and in [`crate::guarded`]; nothing public hands one out.

mod batch;
mod native_batch;
mod self_test;
mod session;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::path::Path;

use ort::session::Session;
use ridethrough_core::units::Watts;

use self::batch::Batch;
use self::native_batch::NativeBatch;
use crate::calibration::At;
use crate::explain;
use crate::files::{self, ModelFiles};
use crate::forecast::{Keep, RACKS_MAX};
use crate::load_error::LoadError;
use crate::manifest::Manifest;
use crate::native::NativeStep;
use crate::runtime;
use crate::servers::ServerForecasts;

/// Most bytes of a model; ours has 83 kB.
const MODEL_BYTES_MAX: u64 = 16 << 20;

/// Quantiles per horizon: P50, P90 and P99.
const QUANTILES: usize = 3;

/// A loaded model. Hand it to [`Guarded`], which is the only thing that can run it.
///
/// [`Guarded`]: crate::Guarded
#[derive(Debug)]
pub struct OnnxForecast {
    step: Step,
    manifest: Manifest,
    hash: [u8; 32],
}

/// What computes the step, with the state of all racks once it has run.
#[derive(Debug)]
enum Step {
    Runtime { session: Session, batch: Option<Batch>, native: Box<NativeStep>, steps: usize },
    Native { native: Box<NativeStep>, batch: NativeBatch },
}

/// Why a step could not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// More racks than [`RACKS_MAX`].
    TooManyRacks {
        /// How many.
        racks: usize,
    },
    /// The runtime and the crate's own step gave different answers.
    Disagrees {
        /// Of which rack.
        rack: usize,
    },
    /// The runtime refused, or gave a tensor of another size.
    Runtime {
        /// Its words.
        message: String,
    },
}

/// What the model says of all racks in one step, in parts of each rack's reference. Not checked yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    quantiles: Vec<f32>,
    maxima: Vec<f32>,
    horizons: usize,
}

/// How far the two implementations may be apart, in parts of the reference.
const AGREES: f32 = 1e-3;

impl OnnxForecast {
    /// Loads a model: manifest, then model and runtime against their hashes, then ports, then a self-test.
    ///
    /// # Errors
    /// [`LoadError`] names the file, and the field or port, that is wrong.
    pub fn load(files: ModelFiles<'_>) -> Result<Self, LoadError> {
        match Self::load_or_native(files)? {
            (_, Some(fault)) => Err(fault),
            (loaded, None) => Ok(loaded),
        }
    }

    /// As [`OnnxForecast::load`], but where nothing is wrong except with the runtime library, the model is run by the
    /// crate's own step; the second part then says what is wrong.
    ///
    /// # Errors
    /// [`LoadError`], of the model or its manifest.
    pub fn load_or_native(files: ModelFiles<'_>) -> Result<(Self, Option<LoadError>), LoadError> {
        Self::load_as(Manifest::read(files.manifest)?, files)
    }

    /// The same with a manifest that has been read, and vouched for, already.
    pub(crate) fn load_as(manifest: Manifest, files: ModelFiles<'_>) -> Result<(Self, Option<LoadError>), LoadError> {
        let bytes = files::read(files.model, MODEL_BYTES_MAX)?;
        let hash = files::sha256(&bytes);
        files::check_hash(files.model, &manifest.sha256, &hash)?;
        let (session, fault) = match runtime::load(files.runtime) {
            Ok(environment) => (Some(session::open(&environment, &bytes, files.model)?), None),
            Err(fault) => (None, Some(fault)),
        };
        if let Some(session) = &session {
            session::check_ports(session, &manifest, files.model)?;
        }
        let native = Box::new(own_step(&bytes, &manifest, files.model)?);
        let step = match session {
            Some(session) => Step::Runtime { session, batch: None, native, steps: 0 },
            None => Step::Native { native, batch: NativeBatch::default() },
        };
        let mut loaded = Self { step, manifest, hash };
        self_test::run(&mut loaded).map_err(|fault| LoadError::SelfTest { path: files.model.to_path_buf(), fault })?;
        loaded.forget();
        Ok((loaded, fault))
    }

    /// Whether the crate's own step runs the model, for want of a runtime.
    pub fn is_native(&self) -> bool {
        matches!(self.step, Step::Native { .. })
    }

    /// Cold forecasts of servers with these ratings, by the same model; none where it cannot.
    pub fn servers(&self, rated: impl Iterator<Item = Watts>) -> Option<ServerForecasts> {
        let (Step::Runtime { native, .. } | Step::Native { native, .. }) = &self.step;
        ServerForecasts::new(NativeStep::clone(native), &self.manifest.horizons, rated)
    }

    /// What the crate's own step says of one rack, `x` being its present power: at each horizon, and at the one that is
    /// answered for with each combination of what drives it. None before the first step.
    pub(crate) fn taken_apart(&mut self, rack: usize, x: f32) -> Option<(Vec<At>, [[f32; 2]; explain::COMBINATIONS])> {
        // The shortest horizon has no span.
        let span = self.manifest.answered.checked_sub(1)?;
        let row = rack * self.manifest.state..(rack + 1) * self.manifest.state;
        let (native, state) = match &mut self.step {
            Step::Runtime { batch, native, .. } => (native, batch.as_ref()?.state()?.get(row)?.to_vec()),
            Step::Native { native, batch } => (native, batch.state().get(row)?.to_vec()),
        };
        let mut answer = Answer::default();
        answer.clear(&self.manifest);
        NativeBatch::default().run_one(native, x, &state, &mut answer);
        let mut said = answer.room();
        answer.rack(0, &mut said).then(|| (said, explain::combinations(native, &state, x, span)))
    }

    /// Forgets all racks.
    fn forget(&mut self) {
        match &mut self.step {
            Step::Runtime { batch, .. } => *batch = None,
            Step::Native { batch, .. } => *batch = NativeBatch::default(),
        }
    }

    /// Horizons in samples, rising, and which of them the engine answers for.
    pub(crate) fn horizons(&self) -> (&[usize], usize) {
        (&self.manifest.horizons, self.manifest.answered)
    }

    /// The model's SHA-256.
    pub const fn sha256(&self) -> [u8; 32] {
        self.hash
    }

    /// The first bytes of the model's SHA-256: its name in every forecast that it makes.
    pub fn hash8(&self) -> [u8; 8] {
        let mut first = [0; 8];
        first.copy_from_slice(&self.hash[..8]);
        first
    }

    /// Runs one step for all racks; `power` holds one number per rack, in parts of its reference.
    ///
    /// [`Keep::Committed`] moves the state on. A rack whose state would not be finite starts cold instead.
    pub(crate) fn run(&mut self, power: &[f32], keep: Keep, answer: &mut Answer) -> Result<(), RunError> {
        answer.clear(&self.manifest);
        // A batch of none aborts the process in some operators: it is never run.
        if power.is_empty() {
            return Ok(());
        }
        if power.len() > RACKS_MAX {
            return Err(RunError::TooManyRacks { racks: power.len() });
        }
        match &mut self.step {
            Step::Runtime { session, batch, native, steps } => {
                *steps = steps.wrapping_add(1);
                let batch = fitting(batch, power.len(), &self.manifest)?;
                batch.run(session, (native, *steps % power.len()), power, keep, answer)
            }
            Step::Native { native, batch } => {
                batch.run(native, power, keep, answer);
                Ok(())
            }
        }
    }

    /// Forgets what the model knows of one rack.
    pub(crate) fn reset(&mut self, rack: usize) {
        match &mut self.step {
            Step::Runtime { batch: Some(batch), .. } => batch.reset(rack),
            Step::Runtime { batch: None, .. } => {}
            Step::Native { batch, .. } => batch.reset(rack),
        }
    }

    #[cfg(test)]
    fn state_for_test(&mut self) -> &mut [f32] {
        match &mut self.step {
            Step::Runtime { batch, .. } => batch.as_mut().expect("has run").state_for_test(),
            Step::Native { batch, .. } => batch.state_for_test(),
        }
    }
}

/// The crate's own step of the model, if the file holds what the manifest says.
fn own_step(bytes: &[u8], manifest: &Manifest, path: &Path) -> Result<NativeStep, LoadError> {
    let refused = |message| LoadError::ModelRefused { path: path.to_path_buf(), message };
    let native = NativeStep::read(bytes).map_err(|fault| refused(fault.to_string()))?;
    if native.state() == manifest.state && native.outputs() == (manifest.horizons.len(), manifest.spans()) {
        Ok(native)
    } else {
        Err(refused("its weights have another shape than its manifest says".to_owned()))
    }
}

fn fitting<'a>(batch: &'a mut Option<Batch>, racks: usize, manifest: &Manifest) -> Result<&'a mut Batch, RunError> {
    let same = batch.take().filter(|batch| batch.racks() == racks);
    let fitted = match same {
        Some(same) => same,
        None => Batch::new(racks, manifest)?,
    };
    Ok(batch.insert(fitted))
}

impl Answer {
    fn clear(&mut self, manifest: &Manifest) {
        self.quantiles.clear();
        self.maxima.clear();
        self.horizons = manifest.horizons.len();
    }

    /// Room for what is said of one rack.
    pub(crate) fn room(&self) -> Vec<At> {
        vec![At::default(); self.horizons]
    }

    /// What is said of one rack at each horizon; `false` when there is nothing.
    pub(crate) fn rack(&self, rack: usize, said: &mut [At]) -> bool {
        let values = self.horizons * QUANTILES;
        let maxima = values - QUANTILES;
        let Some(values) = self.quantiles.get(rack * values..(rack + 1) * values) else { return false };
        let Some(maxima) = self.maxima.get(rack * maxima..(rack + 1) * maxima) else { return false };
        let (values, _) = values.as_chunks::<QUANTILES>();
        // The shortest horizon has no span before it: its maximum is its value.
        let maxima = values.iter().take(1).chain(maxima.as_chunks::<QUANTILES>().0);
        for (at, (value, peak)) in said.iter_mut().zip(values.iter().zip(maxima)) {
            *at = At { value: *value, peak: *peak };
        }
        said.len() == values.len()
    }
}

/// Whether all that is said is finite.
pub(crate) fn are_finite(said: &[At]) -> bool {
    said.iter().all(|at| at.value.iter().chain(&at.peak).all(|part| part.is_finite()))
}

/// Whether all that is said rises from 0, and no maximum is below a value.
pub(crate) fn rise(said: &[At]) -> bool {
    let rises = |at: &At| 0.0 <= at.value[0] && at.value.is_sorted() && at.peak.is_sorted();
    said.iter().all(|at| rises(at) && at.value.iter().zip(&at.peak).all(|(value, peak)| value <= peak))
}

impl From<ort::Error> for RunError {
    fn from(error: ort::Error) -> Self {
        Self::Runtime { message: error.to_string() }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyRacks { racks } => write!(f, "{racks} racks, at most {RACKS_MAX} are forecast together"),
            Self::Disagrees { rack } => {
                write!(f, "ONNX Runtime and the crate's own step of the model disagree on rack {rack}")
            }
            Self::Runtime { message } => write!(f, "ONNX Runtime: {message}"),
        }
    }
}

impl Error for RunError {}
