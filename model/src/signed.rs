//! Only models that somebody who is trusted vouches for: the signature is checked before anything else is read.

use std::path::Path;

use ridethrough_core::model::ModelId;
use ridethrough_model_signature::{PublicKey, SIGNATURE_BYTES_MAX, signature_path, verify};

use crate::files::{self, ModelFiles};
use crate::load_error::LoadError;
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};
use crate::onnx::OnnxForecast;

/// Whose models may be used, and from which version on.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Keys that may vouch for a model.
    pub keys: Vec<PublicKey>,
    /// The least version.
    pub minimum_version: u64,
}

/// A model that a trusted key vouches for.
#[derive(Debug)]
pub struct SignedModel {
    /// Its name in the log.
    pub id: ModelId,
    /// The model.
    pub model: OnnxForecast,
    /// What is wrong with the runtime, if anything: the model is then run by the crate's own step.
    pub runtime: Option<LoadError>,
}

impl SignedModel {
    /// Loads a model: signature, version, manifest, then model and runtime against their hashes, then ports, then a
    /// self-test. Each is looked at only once what comes before it has passed, and the manifest is read once: what was
    /// vouched for is what is used.
    ///
    /// A model whose runtime alone is at fault is loaded, to be run without it.
    ///
    /// # Errors
    /// [`LoadError`] names the file, and the field or port, that is wrong.
    pub fn load(files: ModelFiles<'_>, trust: &Trust) -> Result<Self, LoadError> {
        let bytes = files::read(files.manifest, MANIFEST_BYTES_MAX)?;
        let version = version(files.manifest, &bytes, trust)?;
        let (model, runtime) = OnnxForecast::load_as(Manifest::parse(files.manifest, &bytes)?, files)?;
        Ok(Self { id: ModelId { sha256: model.sha256(), version }, model, runtime })
    }

    /// The same of a model and its manifest, to be run by the crate's own step though there may be a runtime, which is
    /// not touched.
    ///
    /// # Errors
    /// As [`SignedModel::load`].
    pub fn load_native([model, manifest]: [&Path; 2], trust: &Trust) -> Result<Self, LoadError> {
        // An empty path names no file, so that nothing is even looked at.
        Self::load(ModelFiles { model, manifest, runtime: Path::new("") }, trust)
    }
}

/// The version that a trusted key gave the manifest.
fn version(manifest: &Path, bytes: &[u8], trust: &Trust) -> Result<u64, LoadError> {
    let path = signature_path(manifest);
    if !path.exists() {
        return Err(LoadError::Unsigned { path });
    }
    let signature = files::read(&path, SIGNATURE_BYTES_MAX)?;
    let version = verify(bytes, &signature, &trust.keys)
        .map_err(|refused| LoadError::Signature { path: path.clone(), refused })?;
    match trust.minimum_version {
        minimum if version < minimum => Err(LoadError::TooOld { path, version, minimum }),
        _ => Ok(version),
    }
}
