//! The learned model: an ONNX Runtime session, or the crate's own step where there is none, and the state that is
//! carried for each rack.
//!
//! In each run of the session one rack, another one every time, is stepped by the crate's own code as well; where the
//! two disagree, nothing of the whole step is used.
//!
//! Floats live in this module and in [`crate::guarded`]; nothing public hands one out.

mod batch;
mod by_own;
mod self_test;
mod session;
mod states;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::path::Path;

use ridethrough_core::units::Watts;

use self::batch::{Batches, Rows};
use self::states::States;
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
    /// None where the crate's own step runs the model.
    runtime: Option<Batches>,
    native: Box<NativeStep>,
    states: States,
    power: Vec<f32>,
    manifest: Manifest,
    hash: [u8; 32],
}

/// A rack that is to be stepped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Which.
    pub rack: usize,
    /// What it draws, in parts of its reference.
    pub power: f32,
    /// Whether its second has passed: then its state moves on.
    pub keep: Keep,
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

/// What the model says in one step of each rack that was asked for, in their order and in parts of each one's reference.
/// Not checked yet.
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
        let (runtime, states, power) = (session.map(Batches::new), States::default(), Vec::new());
        let mut loaded = Self { runtime, native, states, power, manifest, hash };
        self_test::run(&mut loaded).map_err(|fault| LoadError::SelfTest { path: files.model.to_path_buf(), fault })?;
        loaded.states.forget();
        Ok((loaded, fault))
    }

    /// Whether the crate's own step runs the model, for want of a runtime.
    pub fn is_native(&self) -> bool {
        self.runtime.is_none()
    }

    /// Cold forecasts of servers with these ratings, by the same model; none where it cannot.
    pub fn servers(&self, rated: impl Iterator<Item = Watts>) -> Option<ServerForecasts> {
        ServerForecasts::new(NativeStep::clone(&self.native), &self.manifest.horizons, rated)
    }

    /// What the crate's own step says of one rack, `x` being its present power: at each horizon, and at the one that is
    /// answered for with each combination of what drives it. None before the first step.
    pub(crate) fn taken_apart(&mut self, rack: usize, x: f32) -> Option<(Vec<At>, [[f32; 2]; explain::COMBINATIONS])> {
        // The shortest horizon has no span.
        let span = self.manifest.answered.checked_sub(1)?;
        let (native, state) = (&mut self.native, self.states.of(rack)?);
        let (mut answer, mut after) = (Answer::default(), vec![0.0; state.len()]);
        by_own::step(native, &[x], state, &mut after, &mut answer);
        let mut said = answer.room();
        answer.row(0, &mut said).then(|| (said, explain::combinations(native, state, x, span)))
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

    /// Runs one step for those racks of a site of `racks` that are asked for.
    ///
    /// [`Keep::Committed`] moves a rack's state on. A rack whose state would not be finite starts cold instead.
    pub(crate) fn run(&mut self, racks: usize, asked: &[Asked], answer: &mut Answer) -> Result<(), RunError> {
        answer.clear(&self.manifest);
        if racks > RACKS_MAX {
            return Err(RunError::TooManyRacks { racks });
        }
        // A batch of none aborts the process in some operators: it is never run.
        if asked.is_empty() {
            return Ok(());
        }
        self.states.lay_out((racks, self.manifest.state), asked);
        self.power.clear();
        self.power.extend(asked.iter().map(|asked| asked.power));
        let (before, after) = self.states.rows();
        match &mut self.runtime {
            Some(runtime) => {
                let mut rows = Rows { power: &self.power, before, after };
                let ran = runtime.run(&mut self.native, &self.manifest, &mut rows, answer);
                ran.map_err(|error| {
                    answer.clear(&self.manifest);
                    error.of_rack(asked)
                })?;
            }
            None => by_own::step(&mut self.native, &self.power, before, after, answer),
        }
        self.states.keep(asked);
        Ok(())
    }

    /// Forgets what the model knows of one rack.
    pub(crate) fn reset(&mut self, rack: usize) {
        self.states.reset(rack);
    }

    /// A step of all racks.
    #[cfg(test)]
    fn run_all(&mut self, power: &[f32], keep: Keep, answer: &mut Answer) -> Result<(), RunError> {
        self.run(power.len(), &all(power, keep), answer)
    }
}

/// All racks of a site with this power.
fn all(power: &[f32], keep: Keep) -> Vec<Asked> {
    power.iter().enumerate().map(|(rack, power)| Asked { rack, power: *power, keep }).collect()
}

impl RunError {
    /// With the rack in the place of its row.
    fn of_rack(self, asked: &[Asked]) -> Self {
        match self {
            Self::Disagrees { rack } => Self::Disagrees { rack: asked.get(rack).map_or(rack, |asked| asked.rack) },
            other => other,
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

    /// What is said of the rack that was asked for in this place, at each horizon; `false` when there is nothing.
    pub(crate) fn row(&self, row: usize, said: &mut [At]) -> bool {
        let values = self.horizons * QUANTILES;
        let maxima = values - QUANTILES;
        let Some(values) = self.quantiles.get(row * values..(row + 1) * values) else { return false };
        let Some(maxima) = self.maxima.get(row * maxima..(row + 1) * maxima) else { return false };
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
