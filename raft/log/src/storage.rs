//! The seam between the log and the disk, where fault injection wraps [`Disk`].

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What the log changes on a disk. Reads do not go through it.
pub trait Storage: Send + Sync + 'static {
    /// An open segment.
    type File: StorageFile;

    /// Creates a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file that exists, for writing.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Gives a file its final name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a spare file; never called for a segment.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes creations and renames in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// One open segment.
pub trait StorageFile: Send + 'static {
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes everything written durable.
    fn sync_data(&mut self) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Storage for Disk {
    type File = File;

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

impl StorageFile for File {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }
}
