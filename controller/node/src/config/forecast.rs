//! The model, and whose models may be used.

use std::path::PathBuf;

use ridethrough_model::{PublicKey, Trust};
use serde::Deserialize;
use toml::Spanned;

use super::{Checker, ConfigError};

/// At most so many keys are trusted to sign models.
const TRUSTED_MAX: usize = 8;

/// Where the model lies.
#[derive(Clone, Debug)]
pub struct ForecastFiles {
    /// The ONNX file.
    pub model: PathBuf,
    /// Its manifest.
    pub manifest: PathBuf,
    /// ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// Whose models may be used, and from which version on.
    pub trust: Trust,
    /// A folder with further models, each of which the log may put into shadow or promote.
    pub models: Option<PathBuf>,
}

impl ForecastFiles {
    /// The files by the fields that name them.
    pub fn describe(&self) -> String {
        let (model, manifest, runtime) = (self.model.display(), self.manifest.display(), self.runtime.display());
        format!("forecast (model {model}, manifest {manifest}, runtime {runtime})")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawForecast {
    model: PathBuf,
    manifest: PathBuf,
    runtime: PathBuf,
    trusted: Spanned<Vec<String>>,
    #[serde(default)]
    minimum_version: u64,
    models: Option<PathBuf>,
}

impl Checker<'_> {
    pub(super) fn forecast(&self, files: &RawForecast) -> Result<ForecastFiles, ConfigError> {
        let trust = Trust { keys: self.trusted(&files.trusted)?, minimum_version: files.minimum_version };
        Ok(ForecastFiles {
            model: self.beside(&files.model),
            manifest: self.beside(&files.manifest),
            runtime: self.beside(&files.runtime),
            trust,
            models: files.models.as_ref().map(|folder| self.beside(folder)),
        })
    }

    fn trusted(&self, keys: &Spanned<Vec<String>>) -> Result<Vec<PublicKey>, ConfigError> {
        let wrong = |reason| self.wrong(keys, "forecast.trusted", reason);
        let listed = keys.get_ref();
        if !(1..=TRUSTED_MAX).contains(&listed.len()) {
            let made = "`ridectl model keygen` makes one and prints it";
            return Err(wrong(format!("{} keys, expected 1 to {TRUSTED_MAX}; {made}", listed.len())));
        }
        let parsed = listed.iter().map(|text| text.parse().map_err(|error| wrong(format!("`{text}`: {error}"))));
        parsed.collect()
    }
}
