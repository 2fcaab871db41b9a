//! The ONNX Runtime library: pinned by hash, loaded once per process.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use crate::files::{check_hash, sha256_of, unreadable};
use crate::load_error::LoadError;

/// SHA-256 of `libonnxruntime.so.1.28.0` by processor, taken from the wheels of the official release.
const PINNED: [(&str, &str); 2] = [
    ("x86_64", "aa4079d18f4ea7a5f3a94d80cd4bbe0f2740436626622d64d793803a20381083"),
    ("aarch64", "23a37c2994bc273e1d59a4f49af6cba5bf1cfbc29f04907ec27df375aba50a7d"),
];

/// Most bytes of a runtime library; the pinned one has 24 MB.
const BYTES_MAX: u64 = 128 << 20;

/// The environment of this process. It is never dropped: `ort` makes only one in a process's life.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Loads the library at `path`, if its bytes are the pinned ones.
///
/// The hash comes before the loading: a truncated library kills the process with SIGBUS instead of an error. A library
/// that is loaded already stays; the file is checked nevertheless, so that a broken installation is always told.
pub fn load(path: &Path) -> Result<Environment, LoadError> {
    let mut file = open(path)?;
    let found = sha256_of(&mut file, path, BYTES_MAX)?;
    check_hash(path, pinned()?, &found)?;
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = environment.as_ref() {
        return Ok(loaded.clone());
    }
    let refused = |message: String| LoadError::RuntimeRefused { path: path.to_path_buf(), message };
    let builder = ort::init_from(same_file(&file, path)).map_err(|error| refused(error.to_string()))?;
    let built = builder.with_name("ridethrough").with_telemetry(false).build();
    let built = built.map_err(|error| refused(error.to_string()))?;
    *environment = Some(built.clone());
    Ok(built)
}

fn open(path: &Path) -> Result<File, LoadError> {
    File::open(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => LoadError::RuntimeMissing { path: path.to_path_buf() },
        _ => unreadable(path, source),
    })
}

fn pinned() -> Result<&'static str, LoadError> {
    let arch = std::env::consts::ARCH;
    PINNED.iter().find(|(name, _)| *name == arch).map(|(_, hash)| *hash).ok_or(LoadError::ArchitectureUnknown { arch })
}

/// A path to the very file that was hashed, whatever is put at its old path meanwhile.
#[cfg(target_os = "linux")]
fn same_file(file: &File, _path: &Path) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(not(target_os = "linux"))]
fn same_file(_file: &File, path: &Path) -> PathBuf {
    path.to_path_buf()
}
