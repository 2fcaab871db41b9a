//! The disk of a replica whose power will be cut: the real one, with a journal of what is not durable yet.
//!
//! A sync is a wait and a word in the journal, which comes before the log hears of it. So what the log was told to be durable
//! is exactly what the cut leaves alone.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ridethrough_raft_log::{Disk, Storage, StorageFile};

use crate::dice::Dice;
use crate::journal::{Change, Journal};

/// What is stored whole or not at all, in bytes.
pub const SECTOR_BYTES: u64 = 512;

/// The disk.
#[derive(Clone)]
pub struct Told {
    journal: Arc<Mutex<Journal>>,
    dice: Arc<Mutex<Dice>>,
    lies: bool,
    sync_us_max: u64,
}

/// An open file on it.
pub struct ToldFile {
    file: File,
    number: u32,
    disk: Told,
}

impl Told {
    /// With a new journal in this file; a sync takes up to so many microseconds of the machine's time.
    pub fn new(journal: &Path, dice: Dice, sync_us_max: u64) -> io::Result<Self> {
        let journal = Arc::new(Mutex::new(Journal::create(journal)?));
        Ok(Self { journal, dice: Arc::new(Mutex::new(dice)), lies: false, sync_us_max })
    }

    /// One that stores nothing when it is told to sync, and says that it has.
    pub fn lying(self, lies: bool) -> Self {
        Self { lies, ..self }
    }

    fn tell(&self, change: &Change) -> io::Result<()> {
        locked(&self.journal).tell(change)
    }

    fn spend_a_sync(&self) {
        if self.sync_us_max > 0 {
            let us = locked(&self.dice).below(self.sync_us_max);
            thread::sleep(Duration::from_micros(us));
        }
    }
}

impl Storage for Told {
    type File = ToldFile;

    fn create(&self, path: &Path) -> io::Result<ToldFile> {
        let number = locked(&self.journal).number();
        self.tell(&Change::Created { file: number, path: text(path) })?;
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        Ok(ToldFile { file, number, disk: self.clone() })
    }

    fn open(&self, path: &Path) -> io::Result<ToldFile> {
        let number = locked(&self.journal).number();
        self.tell(&Change::Opened { file: number, path: text(path) })?;
        Ok(ToldFile { file: File::options().read(true).write(true).open(path)?, number, disk: self.clone() })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.tell(&Change::Renamed { from: text(from), to: text(to) })?;
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.tell(&Change::Removed { path: text(path) })?;
        Disk.remove(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.spend_a_sync();
        self.tell(&Change::DirectorySynced)
    }
}

impl StorageFile for ToldFile {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (length, end) = (self.file.metadata()?.len(), offset + bytes.len() as u64);
        for sector in offset / SECTOR_BYTES..end.min(length).div_ceil(SECTOR_BYTES) {
            let mut old = vec![0; usize::try_from(SECTOR_BYTES.min(length - sector * SECTOR_BYTES)).unwrap_or(0)];
            self.file.read_exact_at(&mut old, sector * SECTOR_BYTES)?;
            self.disk.tell(&Change::Overwritten { file: self.number, offset: sector * SECTOR_BYTES, old })?;
        }
        if end > length {
            self.disk.tell(&Change::Grown { file: self.number, from: length })?;
            if offset >= length && bytes.iter().all(|byte| *byte == 0) {
                return self.file.set_len(end);
            }
        }
        FileExt::write_all_at(&self.file, bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.disk.spend_a_sync();
        if self.disk.lies { Ok(()) } else { self.disk.tell(&Change::Synced { file: self.number }) }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
