//! A disk that loses power: of what was not synced, any sectors may be stored and any lost.

use super::support::{CLUSTER, all, config, dir, open, open_with, wait};
use crate::recover::recover;
use crate::{Disk, Log, LogEntry, Storage, StorageFile};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const SECTOR_BYTES: u64 = 512;

/// What every sector that was written since the last sync held before, by file (which may be renamed) and sector.
type Unsynced = Arc<Mutex<BTreeMap<(u64, u64), Vec<u8>>>>;

/// A disk that remembers how to forget.
#[derive(Clone, Default)]
struct Volatile {
    unsynced: Unsynced,
    files: Arc<Mutex<Vec<PathBuf>>>,
}

struct VolatileFile {
    file: File,
    number: u64,
    unsynced: Unsynced,
}

impl Volatile {
    fn file(&self, path: &Path, file: File) -> VolatileFile {
        let mut files = self.files.lock().expect("not poisoned");
        files.push(path.to_path_buf());
        VolatileFile { file, number: files.len() as u64 - 1, unsynced: Arc::clone(&self.unsynced) }
    }

    /// Loses those unsynced sectors for which `is_lost` says so.
    fn cut_power(&self, mut is_lost: impl FnMut() -> bool) {
        let files = self.files.lock().expect("not poisoned");
        for ((number, sector), old) in std::mem::take(&mut *self.unsynced.lock().expect("not poisoned")) {
            let path = &files[usize::try_from(number).expect("fits")];
            if is_lost() && path.exists() {
                let file = File::options().write(true).open(path).expect("opens");
                FileExt::write_all_at(&file, &old, sector * SECTOR_BYTES).expect("writes");
            }
        }
    }
}

impl Storage for Volatile {
    type File = VolatileFile;

    fn create(&self, path: &Path) -> io::Result<VolatileFile> {
        // The old content is read back before each write.
        Ok(self.file(path, File::options().read(true).write(true).create_new(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<VolatileFile> {
        Ok(self.file(path, File::options().read(true).write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)?;
        let mut files = self.files.lock().expect("not poisoned");
        files.iter_mut().filter(|path| **path == from).for_each(|path| *path = to.to_path_buf());
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl StorageFile for VolatileFile {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut unsynced = self.unsynced.lock().expect("not poisoned");
        let len = self.file.metadata()?.len();
        for sector in offset / SECTOR_BYTES..(offset + bytes.len() as u64).div_ceil(SECTOR_BYTES) {
            let mut old = vec![0; usize::try_from(SECTOR_BYTES).expect("fits")];
            if sector * SECTOR_BYTES < len {
                // Fewer bytes than a sector are read at the end of the file; the rest stays zero.
                let _read = self.file.read_at(&mut old, sector * SECTOR_BYTES)?;
            }
            unsynced.entry((self.number, sector)).or_insert(old);
        }
        FileExt::write_all_at(&self.file, bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.unsynced.lock().expect("not poisoned").retain(|(number, _), _| *number != self.number);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the power cut left, the log opens, holds every synced entry, and what it holds more is genuine.
    #[test]
    fn nothing_synced_is_lost(
        batches in prop::collection::vec(prop::collection::vec(0usize..700, 1..6), 1..12),
        lost in prop::collection::vec(any::<bool>(), 64),
        last in prop::collection::vec(0usize..700, 1..12),
    ) {
        let dir = dir();
        let (disk, mut written) = (Volatile::default(), Vec::new());
        let log = open_with(dir.path(), disk.clone());
        for batch in &batches {
            let batch = entries(written.len() as u64, batch);
            written.extend(batch.clone());
            prop_assert_eq!(wait(|done| log.append(batch, done)), Ok(()));
        }
        drop(log);
        let synced = written.len();
        written.extend(entries(synced as u64, &last));
        write_unsynced(dir.path(), &disk, &written[synced..]);
        let mut lost = lost.into_iter().cycle();
        disk.cut_power(|| lost.next().unwrap_or(false));

        let log = Log::open(config(dir.path())).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let found = all(&log);
        prop_assert!(found.len() >= synced, "{} of {synced} synced entries were found", found.len());
        prop_assert!(written.starts_with(&found));
        let next = entries(found.len() as u64, &[5]);
        prop_assert_eq!(wait(|done| log.append(next, done)), Ok(()));
        drop(log);
        prop_assert_eq!(all(&open(dir.path())).len(), found.len() + 1);
    }
}

/// Writes one batch to the newest segment as the log would, and stops before the sync.
fn write_unsynced(dir: &Path, disk: &Volatile, batch: &[LogEntry]) {
    use crate::format::{Before, encode_frame};
    use crate::record::RecordRef;
    let found = recover(dir, CLUSTER).expect("a healthy log");
    let tail = found.tail.expect("a segment");
    let (mut bytes, mut sequence) = (Vec::new(), found.state.next_sequence);
    for entry in batch {
        let end = tail.cursor.offset + bytes.len();
        bytes.resize(bytes.len() + tail.version.record_start(end) - end, 0);
        let before = if sequence == found.state.next_sequence { Before::Synced } else { Before::Unsynced };
        let record = RecordRef::Entry { index: entry.index, payload: &entry.payload };
        encode_frame(record, sequence, before, &mut bytes);
        sequence += 1;
    }
    let mut file = disk.open(&tail.file).expect("opens");
    file.write_all_at(&bytes, tail.cursor.offset as u64).expect("writes");
}

fn entries(first: u64, sizes: &[usize]) -> Vec<LogEntry> {
    // No zeros in the payload, which would make a stored sector look like a lost one.
    let payload = |index: u64, size: usize| (0..size).map(|at| (at as u64 * 31 + index).to_le_bytes()[0] | 1).collect();
    (first..).zip(sizes).map(|(index, size)| LogEntry { index, payload: payload(index, *size) }).collect()
}

#[test]
fn the_disk_of_these_tests_forgets() {
    let dir = dir();
    let (disk, path) = (Volatile::default(), dir.path().join("file"));
    let mut file = disk.create(&path).expect("creates");
    file.write_all_at(&[1; 1024], 0).expect("writes");
    file.sync_data().expect("syncs");
    file.write_all_at(&[2; 1024], 0).expect("writes");
    let mut number = 0;
    disk.cut_power(|| {
        number += 1;
        number == 1
    });
    let bytes = fs::read(&path).expect("reads");
    assert_eq!((bytes[0], bytes[511], bytes[512], bytes[1023]), (1, 1, 2, 2));
}
