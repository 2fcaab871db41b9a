//! What a power cut could take back of a disk, told in a file before it is done.
//!
//! The file is written with plain writes: what they have handed to the kernel outlives a SIGKILL. Its last record may be cut
//! short, and what that tells has not been done yet.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use bincode::{Decode, Encode};

/// A change to the disk.
#[derive(Debug, Encode, Decode)]
pub enum Change {
    /// A file that did not exist, and has this number from now on.
    Created {
        /// The file.
        file: u32,
        /// Its name.
        path: String,
    },
    /// A file that existed.
    Opened {
        /// The file.
        file: u32,
        /// Its name.
        path: String,
    },
    /// A sector (or the last part of one) will be overwritten that holds this now.
    Overwritten {
        /// The file.
        file: u32,
        /// Where the sector begins, in bytes.
        offset: u64,
        /// What it holds.
        old: Vec<u8>,
    },
    /// The file will grow beyond this length.
    Grown {
        /// The file.
        file: u32,
        /// Its length in bytes.
        from: u64,
    },
    /// All changes to the file's content are durable.
    Synced {
        /// The file.
        file: u32,
    },
    /// A file has another name.
    Renamed {
        /// Its old name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// A file is gone.
    Removed {
        /// Its name.
        path: String,
    },
    /// All creations and renames are durable.
    DirectorySynced,
}

/// Writes changes.
#[derive(Debug)]
pub struct Journal {
    out: File,
    files: u32,
}

impl Journal {
    /// A new one in this file.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { out: File::create(path)?, files: 0 })
    }

    /// The number of a file that is created or opened.
    pub fn number(&mut self) -> u32 {
        self.files += 1;
        self.files - 1
    }

    /// Tells a change.
    pub fn tell(&mut self, change: &Change) -> io::Result<()> {
        let bytes = bincode::encode_to_vec(change, bincode::config::standard()).map_err(io::Error::other)?;
        self.out.write_all(&bytes)
    }
}

/// The changes that a journal tells; none where there is none.
pub fn read(path: &Path) -> io::Result<Vec<Change>> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let (mut rest, mut changes) = (bytes.as_slice(), Vec::new());
    // What cannot be decoded is the last record, cut short.
    while let Ok((change, length)) = bincode::decode_from_slice(rest, bincode::config::standard()) {
        changes.push(change);
        rest = &rest[length..];
    }
    Ok(changes)
}
