//! The models of a replica's folder, each with its signature checked.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ridethrough_core::model::{ModelFault, ModelId};
use ridethrough_model::{LoadError, ModelFiles, SignedModel};

use super::RuntimeUse;
use crate::config::ForecastFiles;
use crate::counted::set;

/// At most so many models lie in a folder.
pub const MODELS_MAX: usize = 8;

/// So many files of the folder are looked at for changes: three for each model, and as much again.
const FILES_MAX: usize = 6 * MODELS_MAX;

/// A file as the system tells of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// A model of the folder.
#[derive(Clone, Debug)]
pub struct Shelved {
    /// Its manifest's file name, without `.json`.
    pub name: String,
    /// Its name in the log, or why it is not used.
    pub what: Result<ModelId, (ModelFault, String)>,
}

/// The folder, as it was last looked through.
#[derive(Debug)]
pub struct Library {
    files: Option<ForecastFiles>,
    default: Option<ModelFault>,
    runtime: RuntimeUse,
    known: Vec<ModelId>,
    /// Every file of the folder when it was last looked through.
    seen: Vec<Seen>,
    /// Whether what is known was loaded before the runtime was given up.
    known_to_runtime: bool,
    /// What lies there.
    pub shelf: Vec<Shelved>,
}

impl Library {
    /// The folder of a configuration, whose own model was refused for this, if it was. Nothing has been looked at yet.
    pub fn new(files: Option<ForecastFiles>, default: Option<ModelFault>, runtime: RuntimeUse) -> Self {
        let known_to_runtime = !runtime.is_given_up();
        Self { files, default, runtime, known: Vec::new(), seen: Vec::new(), known_to_runtime, shelf: Vec::new() }
    }

    /// Whether the folder is not as it was when it was last looked through, by what the system tells of its files.
    pub fn has_changed(&self) -> bool {
        self.listing() != self.seen
    }

    fn listing(&self) -> Vec<Seen> {
        let folder = self.files.as_ref().and_then(|files| files.models.as_ref());
        let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let seen = |entry: std::fs::DirEntry| {
            let told = entry.metadata().ok()?;
            Some(Seen { path: entry.path(), bytes: told.len(), modified: told.modified().ok() })
        };
        let mut listing: Vec<Seen> = entries.filter_map(seen).take(FILES_MAX).collect();
        listing.sort();
        listing
    }

    /// Looks the folder through; returns the models that were not known before.
    pub fn scan(&mut self) -> Vec<SignedModel> {
        self.shelf.clear();
        self.seen = self.listing();
        if self.known_to_runtime && self.runtime.is_given_up() {
            self.known_to_runtime = false;
            self.known.clear();
        }
        let mut new = Vec::new();
        for manifest in self.manifests() {
            let name = manifest.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let what = self.load(&manifest).map(|model| {
                let id = model.id;
                if !self.known.contains(&id) && self.known.len() < MODELS_MAX {
                    self.known.push(id);
                    new.push(model);
                }
                id
            });
            if let Err(error) = &what {
                tracing::error!(%error, reason = error.fault().as_str(), "MODEL REFUSED: it cannot be chosen here");
            }
            self.shelf.push(Shelved { name, what: what.map_err(|error| (error.fault(), error.to_string())) });
        }
        self.tell();
        new
    }

    /// The model that has this name on the shelf.
    pub fn find(&self, name: &str) -> Option<&Shelved> {
        self.shelf.iter().find(|shelved| shelved.name == name)
    }

    fn manifests(&self) -> Vec<PathBuf> {
        let Some(folder) = self.files.as_ref().and_then(|files| files.models.as_ref()) else { return Vec::new() };
        let listed = std::fs::read_dir(folder).inspect_err(|error| {
            tracing::error!(folder = %folder.display(), %error, "the folder with models cannot be listed");
        });
        let paths = listed.into_iter().flatten().flatten().map(|entry| entry.path());
        let mut manifests: Vec<PathBuf> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        manifests.sort();
        if manifests.len() > MODELS_MAX {
            tracing::error!(folder = %folder.display(), "more than {MODELS_MAX} models: the last ones are left out");
            manifests.truncate(MODELS_MAX);
        }
        manifests
    }

    fn load(&self, manifest: &Path) -> Result<SignedModel, LoadError> {
        let Some(files) = &self.files else { return Err(LoadError::Unsigned { path: manifest.to_owned() }) };
        load(files, [&manifest.with_extension("onnx"), manifest], &self.runtime)
    }

    fn tell(&self) {
        for fault in ModelFault::ALL {
            let here = |shelved: &&Shelved| shelved.what.as_ref().is_err_and(|(found, _)| *found == fault);
            let count = self.shelf.iter().filter(here).count() + usize::from(self.default == Some(fault));
            set(&metrics::gauge!("ridethrough_model_refused", "reason" => fault.as_str()), count);
        }
    }
}

/// Loads a model and its manifest, into the runtime unless that was given up.
pub fn load(
    files: &ForecastFiles,
    [model, manifest]: [&Path; 2],
    runtime: &RuntimeUse,
) -> Result<SignedModel, LoadError> {
    if runtime.is_given_up() {
        return SignedModel::load_native([model, manifest], &files.trust);
    }
    let loaded = SignedModel::load(ModelFiles { model, manifest, runtime: &files.runtime }, &files.trust)?;
    runtime.loaded(loaded.runtime.is_some());
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use ridethrough_model::Trust;

    use super::*;

    /// A file that is committed beside the model's sources.
    fn committed(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model").join(name)
    }

    fn copy(folder: &Path, name: &str) {
        for end in ["onnx", "json", "json.sig"] {
            std::fs::copy(committed(&format!("forecast.{end}")), folder.join(format!("{name}.{end}"))).expect("room");
        }
    }

    fn library(folder: &Path, runtime: &RuntimeUse) -> Library {
        let key = std::fs::read_to_string(committed("demo-signing.pub")).expect("the demo's key");
        let files = ForecastFiles {
            model: committed("forecast.onnx"),
            manifest: committed("forecast.json"),
            runtime: folder.join("there is none"),
            trust: Trust { keys: vec![key.trim().parse().expect("a key")], minimum_version: 0 },
            models: Some(folder.to_owned()),
        };
        Library::new(Some(files), None, runtime.clone())
    }

    #[test]
    fn what_is_put_into_the_folder_is_found_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut library = library(folder.path(), &RuntimeUse::default());
        assert!(!library.has_changed() && library.scan().is_empty());
        copy(folder.path(), "next");
        assert!(library.has_changed());
        assert_eq!(library.scan().len(), 1);
        assert!(!library.has_changed() && library.scan().is_empty(), "it is known");
        std::fs::remove_file(folder.path().join("next.json.sig")).expect("there");
        assert!(library.has_changed() && library.scan().is_empty());
        assert!(library.find("next").is_some_and(|shelved| shelved.what.is_err()), "it is vouched for no longer");
    }

    #[test]
    fn once_the_runtime_is_given_up_what_is_known_is_loaded_anew_without_it() {
        let folder = tempfile::tempdir().expect("a folder");
        copy(folder.path(), "next");
        let runtime = RuntimeUse::default();
        let mut library = library(folder.path(), &runtime);
        assert_eq!(library.scan().len(), 1);
        assert!(runtime.is_missing());
        runtime.give_up();
        let again = library.scan();
        assert!(again.len() == 1 && again[0].model.is_native());
        assert!(library.scan().is_empty() && runtime.is_given_up(), "once");
    }
}
