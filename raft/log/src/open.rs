//! Opens a log: takes its folder for itself, recovers what lies there, and makes what is to serve it.

use crate::error::{OpenError, Operation};
use crate::log::LogConfig;
use crate::recover::{Recovered, recover};
use crate::segment::{FIRST_SEQUENCE, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::shared::{QUEUE_REQUESTS_MAX, Shared, State};
use crate::spare;
use crate::storage::Storage;
use crate::worker::{Request, Worker};
use crate::writer::{Setup, Writer};
use crossbeam::channel::{self, Sender};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A log that was recovered and that nobody serves yet.
pub(crate) struct Opened<S: Storage> {
    pub(crate) dir: PathBuf,
    state: State,
    writer: Writer<S>,
    lock: File,
}

/// Opens what lies in the folder, or begins it. `ahead` says whether a thread makes segments before they are needed.
pub(crate) fn recovered<S: Storage>(config: LogConfig, storage: S, ahead: bool) -> Result<Opened<S>, OpenError> {
    let found = config.segment_bytes;
    let (bytes_min, bytes_max) = (SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
    if !(bytes_min..=bytes_max).contains(&found) {
        return Err(OpenError::SegmentBytes { found, bytes_min, bytes_max });
    }
    make_dir(&config.dir, &storage)?;
    let lock = lock_dir(&config.dir)?;
    let Recovered { mut state, tail } = recover(&config.dir, config.cluster)?;
    spare::remove_all(&storage, &config.dir).map_err(io_error(&config.dir, Operation::Remove))?;
    let dir = config.dir.clone();
    let setup = Setup { dir: config.dir, cluster: config.cluster, segment_bytes: config.segment_bytes, ahead };
    let storage = Arc::new(storage);
    let writer = if let Some(tail) = &tail {
        Writer::resume(setup, storage, tail)
    } else {
        state.next_sequence = FIRST_SEQUENCE;
        Writer::create(setup, storage, FIRST_SEQUENCE)
    };
    Ok(Opened { dir, state, writer: writer.map_err(OpenError::from_write)?, lock })
}

/// The queue of an opened log, and what is to serve it.
pub(crate) fn serving<S: Storage>(opened: Opened<S>) -> (Sender<Request>, Worker<S>) {
    let shared = Arc::new(Shared::new(opened.state));
    let (sender, requests) = channel::bounded(QUEUE_REQUESTS_MAX);
    (sender, Worker { shared, requests, writer: opened.writer, _lock: opened.lock })
}

/// Creates `dir` and makes it durable: a synced segment in a directory that a power cut forgets is lost as well.
fn make_dir<S: Storage>(dir: &Path, storage: &S) -> Result<(), OpenError> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    fs::create_dir_all(dir).map_err(io_error(dir, Operation::CreateDirectory))?;
    for parent in missing.iter().filter_map(|made| made.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        storage.sync_dir(parent).map_err(io_error(parent, Operation::SyncDirectory))?;
    }
    Ok(())
}

fn lock_dir(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("LOCK");
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(io_error(&path, Operation::Open))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(io_error(&path, Operation::Lock)(error)),
    }
}

pub(crate) fn io_error(file: &Path, operation: Operation) -> impl FnOnce(io::Error) -> OpenError {
    move |error| OpenError::Io { file: file.to_path_buf(), operation, error }
}
