//! Reads files whole, bounded, and with their hash: what was hashed is what is used.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::load_error::LoadError;

/// Bytes read at a time while hashing.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where the parts of a model lie.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// The model, `forecast.onnx`.
    pub model: &'a Path,
    /// Its manifest, `forecast.json`, which pins the model's hash.
    pub manifest: &'a Path,
    /// The runtime library, `libonnxruntime.so.1.28.0`, whose hash this crate pins.
    pub runtime: &'a Path,
}

/// The whole file, if it has at most `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|source| unreadable(path, source))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max) {
        Ok(bytes)
    } else {
        Err(LoadError::TooLarge { path: path.to_path_buf(), bytes_max })
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of an open file, without holding it in memory.
pub fn sha256_of(file: &mut File, path: &Path, bytes_max: u64) -> Result<[u8; 32], LoadError> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut total = 0;
    loop {
        let length = file.read(&mut chunk).map_err(|source| unreadable(path, source))?;
        if length == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&chunk[..length]);
        total += length as u64;
        if total > bytes_max {
            return Err(LoadError::TooLarge { path: path.to_path_buf(), bytes_max });
        }
    }
}

/// Accepts `found`, if `expected` is its hexadecimal form.
pub fn check_hash(path: &Path, expected: &str, found: &[u8; 32]) -> Result<(), LoadError> {
    let found = hex(found);
    if found == expected {
        Ok(())
    } else {
        Err(LoadError::HashMismatch { path: path.to_path_buf(), expected: expected.to_owned(), found })
    }
}

/// The error for a file that the system does not hand out.
pub fn unreadable(path: &Path, source: io::Error) -> LoadError {
    LoadError::Unreadable { path: path.to_path_buf(), source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
