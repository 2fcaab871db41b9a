//! The thread that signs checkpoints. Applying never waits for it: what its queue cannot take is skipped and counted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use ridethrough_witness::tree::Head;
use ridethrough_witness::{Checkpoint, Hash, Note, SigningKey, checkpoint};

use super::{CHECKPOINT_ENTRIES, files};

/// Most checkpoints that wait to be signed. Each is a note and a tile, so two syncs.
const WAITING_MAX: usize = 256;

/// A tree to be signed, with the leaves of its last tile where they are known.
pub(crate) struct Sealed {
    pub(crate) head: Head,
    pub(crate) tile: Option<Vec<Hash>>,
}

/// How the audit of a replica's own log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditStatus {
    /// Entries under the largest checkpoint that this replica has signed.
    pub signed_entries: u64,
    /// Checkpoints that could not be signed or written, or that say something else than the log does now.
    pub faults: u64,
    /// Checkpoints that were skipped because too many waited.
    pub skipped: u64,
    /// Whether the tree over the log is known, so that checkpoints can be signed at all.
    pub tree_known: bool,
}

struct Told {
    signed_entries: AtomicU64,
    faults: AtomicU64,
    skipped: AtomicU64,
    tree_known: AtomicBool,
}

/// The end of the queue that the tree has.
pub(crate) struct Notary {
    queue: SyncSender<Sealed>,
    told: Arc<Told>,
}

/// The end that the replica has. The thread ends when the tree has gone and all that waited is written.
pub(crate) struct NotaryThread {
    thread: JoinHandle<()>,
    told: Arc<Told>,
}

struct Desk {
    dir: PathBuf,
    origin: String,
    key: Arc<SigningKey>,
    told: Arc<Told>,
}

/// Why a checkpoint was not signed.
enum Fault {
    Io(PathBuf, io::Error),
    /// This replica has signed another tree of this size: its log has changed since.
    Other(PathBuf),
}

/// Starts the thread; `dir` is the replica's directory.
pub(crate) fn start(dir: &Path, cluster: &[u8; 16], key: Arc<SigningKey>) -> io::Result<(Notary, NotaryThread)> {
    let (queue, waiting) = sync_channel(WAITING_MAX);
    let dir = dir.join(files::AUDIT_DIR);
    let newest = files::sizes(&dir)?.last().copied().unwrap_or(0);
    let (zero, tree_known) = (|| AtomicU64::new(0), AtomicBool::new(true));
    let told = Told { signed_entries: AtomicU64::new(newest), faults: zero(), skipped: zero(), tree_known };
    let told = Arc::new(told);
    let desk = Desk { dir, origin: checkpoint::origin(cluster), key, told: Arc::clone(&told) };
    let thread = thread::Builder::new().name("notary".into()).spawn(move || desk.serve(&waiting))?;
    Ok((Notary { queue, told: Arc::clone(&told) }, NotaryThread { thread, told }))
}

impl Notary {
    pub(crate) fn seal(&self, sealed: Sealed) {
        if self.queue.try_send(sealed).is_err() {
            self.told.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn tree_known(&self, known: bool) {
        self.told.tree_known.store(known, Ordering::Relaxed);
    }
}

impl NotaryThread {
    pub(crate) fn status(&self) -> AuditStatus {
        // Each number stands for itself; nothing is ordered by them.
        AuditStatus {
            signed_entries: self.told.signed_entries.load(Ordering::Relaxed),
            faults: self.told.faults.load(Ordering::Relaxed),
            skipped: self.told.skipped.load(Ordering::Relaxed),
            tree_known: self.told.tree_known.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

impl Desk {
    fn serve(self, waiting: &Receiver<Sealed>) {
        for sealed in waiting {
            if let Err(fault) = self.sign(&sealed) {
                tracing::error!(size = sealed.head.size, %fault, "NO CHECKPOINT of the log was signed");
                self.told.faults.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn sign(&self, sealed: &Sealed) -> Result<(), Fault> {
        if let Some(tile) = &sealed.tile {
            self.keep_tile(sealed.head.size, tile)?;
        }
        let (Head { size, root }, file) = (sealed.head, files::note(&self.dir, sealed.head.size));
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root };
        // A replica that starts again applies again what it has signed before: the first that notices a changed log.
        if let Some(signed) = files::read_note(&self.dir, size).map_err(|error| Fault::Io(file.clone(), error))? {
            let same = Note::parse(&signed).is_ok_and(|note| note.text == checkpoint.to_text());
            return if same { Ok(()) } else { Err(Fault::Other(file)) };
        }
        // A witness's word is about the largest tree that it has seen, so a smaller one is never signed later.
        if size <= self.told.signed_entries.load(Ordering::Relaxed) {
            return Ok(());
        }
        let note = checkpoint.cosign(&self.key, unix_s());
        files::write(&file, note.to_text().as_bytes()).map_err(|error| Fault::Io(file, error))?;
        self.told.signed_entries.store(size, Ordering::Relaxed);
        Ok(())
    }

    fn keep_tile(&self, size: u64, tile: &[Hash]) -> Result<(), Fault> {
        let number = size / CHECKPOINT_ENTRIES - 1;
        let file = files::tile(&self.dir, number);
        let failed = |error| Fault::Io(file.clone(), error);
        match files::read_tile(&self.dir, number).map_err(failed)? {
            Some(kept) if kept == tile => Ok(()),
            Some(_) => Err(Fault::Other(file.clone())),
            None => files::write(&file, &tile.concat()).map_err(failed),
        }
    }
}

/// The wall clock, for people: nothing follows from the time in a checkpoint.
fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(file, error) => write!(f, "{}: {error}", file.display()),
            Self::Other(file) => write!(f, "{}: the log is not what this replica signed before", file.display()),
        }
    }
}
