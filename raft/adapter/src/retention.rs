//! A replica's log beyond what it needs itself: what may be copied away and removed, and the archive it is read from.
//!
//! ```text
//!  data_dir/  log/      segments; those that were removed have a `base` that stands for them
//!             audit/    checkpoints and tiles
//!             archive   a link to (or a copy of) the folder that has what was removed: log/, audit/
//! ```

use std::io;
use std::path::{Path, PathBuf};

use ridethrough_raft_log::reader::LogReader;
use ridethrough_raft_log::{ReadError, retention};

pub use ridethrough_raft_log::retention::Sealed;

use crate::audit_tree::{CHECKPOINT_ENTRIES, files};
use crate::replica::LOG_DIR;

/// Under this name a replica's directory leads to the archive of its older segments.
pub const ARCHIVE: &str = "archive";

/// Opens the log of the replica whose directory is `dir`, or that lies in `dir` itself; segments that are no longer there
/// are read from its archive, where it leads to one.
pub(crate) fn log_reader(dir: &Path) -> Result<LogReader, ReadError> {
    let (below, archived) = (dir.join(LOG_DIR), dir.join(ARCHIVE).join(LOG_DIR));
    match (below.is_dir(), archived.is_dir()) {
        (false, _) => LogReader::open(dir),
        (true, false) => LogReader::open(below),
        (true, true) => LogReader::open_with_archive(below, &archived),
    }
}

/// The segments of the replica whose directory is `dir` that nothing is written to any more, oldest first.
pub fn sealed(dir: &Path) -> Result<Vec<Sealed>, ReadError> {
    retention::sealed(&dir.join(LOG_DIR))
}

/// How many they are, without reading them.
pub fn sealed_count(dir: &Path) -> Result<usize, ReadError> {
    retention::sealed_count(&dir.join(LOG_DIR))
}

/// The oldest of them, as many as the replica itself needs no more: a snapshot holds what they say.
pub fn prunable(dir: &Path) -> Result<Vec<Sealed>, ReadError> {
    retention::prunable(&dir.join(LOG_DIR))
}

/// Removes the oldest `count` segments, or as many of them as are not needed; answers which.
pub fn prune(dir: &Path, count: usize) -> Result<Vec<Sealed>, ReadError> {
    retention::prune(&dir.join(LOG_DIR), count)
}

/// What stands for the segments that were removed; none when there are all.
pub fn base(dir: &Path) -> Option<PathBuf> {
    let file = retention::base(&dir.join(LOG_DIR));
    file.exists().then_some(file)
}

/// The newest checkpoint of the replica whose directory is `dir`, as a path below it; none where none is signed.
pub fn newest_checkpoint(dir: &Path) -> Option<PathBuf> {
    let audit = Path::new(files::AUDIT_DIR);
    // Where checkpoints cannot be listed, there is none to go by, as where none are signed.
    let newest = files::sizes(&dir.join(audit)).ok().and_then(|sizes| sizes.last().copied());
    newest.map(|size| files::note(audit, size))
}

/// The files of its log, as paths below `dir`, in the order in which they are to be copied. Copied after the newest
/// checkpoint, it reaches at least as far.
pub fn log_files(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let log = retention::files(&dir.join(LOG_DIR))?;
    Ok(log.iter().filter_map(|file| file.strip_prefix(dir).ok().map(Path::to_path_buf)).collect())
}

/// The checkpoints of at most this many entries, and their tiles, as paths below `dir`.
pub fn checkpoints(dir: &Path, entries: u64) -> io::Result<Vec<PathBuf>> {
    let below = Path::new(files::AUDIT_DIR);
    let sizes = files::sizes(&dir.join(below))?;
    let notes = sizes.into_iter().filter(|size| *size <= entries).map(|size| files::note(below, size));
    let tiles = (0..entries / CHECKPOINT_ENTRIES).map(|number| files::tile(below, number));
    Ok(notes.chain(tiles.filter(|tile| dir.join(tile).exists())).collect())
}
