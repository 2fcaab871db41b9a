//! The learned model: an ONNX Runtime session and the state it carries for each rack.
//!
//! Floats live in this module and in [`crate::guarded`]; nothing public hands one out.

mod batch;
mod self_test;
mod session;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;

use ort::session::Session;

use self::batch::Batch;
use crate::files::{self, ModelFiles};
use crate::forecast::{Keep, RACKS_MAX};
use crate::load_error::LoadError;
use crate::manifest::Manifest;
use crate::runtime;

/// Most bytes of a model; ours has 40 kB.
const MODEL_BYTES_MAX: u64 = 16 << 20;

/// Quantiles per horizon: P50, P90 and P99.
const QUANTILES: usize = 3;

/// A loaded model. Hand it to [`Guarded`], which is the only thing that can run it.
///
/// [`Guarded`]: crate::Guarded
#[derive(Debug)]
pub struct OnnxForecast {
    session: Session,
    manifest: Manifest,
    hash: [u8; 32],
    batch: Option<Batch>,
}

/// Why a step could not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// More racks than [`RACKS_MAX`].
    TooManyRacks {
        /// How many.
        racks: usize,
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
    bound: Vec<f32>,
    per_rack: (usize, usize),
}

/// What the model says of one rack at the longest horizon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Said {
    pub p50: f32,
    pub p90: f32,
    pub p99: f32,
    pub peak_p99: f32,
}

impl OnnxForecast {
    /// Loads a model: manifest, then model and runtime against their hashes, then ports, then a self-test.
    ///
    /// # Errors
    /// [`LoadError`] names the file, and the field or port, that is wrong.
    pub fn load(files: ModelFiles<'_>) -> Result<Self, LoadError> {
        Self::load_as(Manifest::read(files.manifest)?, files)
    }

    /// The same with a manifest that has been read, and vouched for, already.
    pub(crate) fn load_as(manifest: Manifest, files: ModelFiles<'_>) -> Result<Self, LoadError> {
        let bytes = files::read(files.model, MODEL_BYTES_MAX)?;
        let hash = files::sha256(&bytes);
        files::check_hash(files.model, &manifest.sha256, &hash)?;
        let environment = runtime::load(files.runtime)?;
        let session = session::open(&environment, &bytes, files.model)?;
        session::check_ports(&session, &manifest, files.model)?;
        let mut loaded = Self { session, manifest, hash, batch: None };
        self_test::run(&mut loaded).map_err(|fault| LoadError::SelfTest { path: files.model.to_path_buf(), fault })?;
        loaded.batch = None;
        Ok(loaded)
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
        let batch = fitting(&mut self.batch, power.len(), &self.manifest)?;
        batch.run(&mut self.session, power, keep, answer)
    }

    /// Forgets what the model knows of one rack.
    pub(crate) fn reset(&mut self, rack: usize) {
        if let Some(batch) = self.batch.as_mut() {
            batch.reset(rack);
        }
    }
}

fn fitting<'a>(batch: &'a mut Option<Batch>, racks: usize, manifest: &Manifest) -> Result<&'a mut Batch, RunError> {
    if racks > RACKS_MAX {
        return Err(RunError::TooManyRacks { racks });
    }
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
        self.bound.clear();
        self.per_rack = (manifest.horizons * QUANTILES, manifest.bounds);
    }

    /// Quantiles and bound of one rack at the longest horizon, which comes last.
    pub(crate) fn rack(&self, rack: usize) -> Option<Said> {
        let (quantiles, bounds) = self.per_rack;
        let all = self.quantiles.get(rack * quantiles..(rack + 1) * quantiles)?;
        let peak_p99 = *self.bound.get(rack * bounds..(rack + 1) * bounds)?.last()?;
        let [.., p50, p90, p99] = *all else { return None };
        Some(Said { p50, p90, p99, peak_p99 })
    }
}

impl Said {
    pub(crate) fn is_finite(&self) -> bool {
        [self.p50, self.p90, self.p99, self.peak_p99].iter().all(|part| part.is_finite())
    }

    pub(crate) fn rises(&self) -> bool {
        0.0 <= self.p50 && self.p50 <= self.p90 && self.p90 <= self.p99 && self.p99 <= self.peak_p99
    }
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
            Self::Runtime { message } => write!(f, "ONNX Runtime: {message}"),
        }
    }
}

impl Error for RunError {}
