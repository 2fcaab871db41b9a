//! A device's fence memory in a file, so that the fence outlives the process.
//!
//! Two slots are written in turn, each with its own checksum: a write that is torn by a kill loses only itself, and
//! the slot before still holds. It is not synced to the disk: the drills kill processes, not machines, and a sync
//! would make the plant's clock late.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ridethrough_core::device::Fence;
use ridethrough_protocol::{FenceMemory, StoreFailed};
use sha2::{Digest, Sha256};

use super::record::file_stem;

/// Term, index and checksum.
const SLOT_BYTES: usize = 24;

/// The fence memory of one device.
#[derive(Debug)]
pub struct FenceFile {
    file: File,
    fence: Fence,
    /// Where the next fence goes: never over the newest one.
    next_slot: u64,
}

/// A fence memory that cannot be used.
#[derive(Debug)]
pub enum FenceFileError {
    /// The file cannot be opened or read.
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something was stored, but no slot is whole: to start from nothing would let old orders run again.
    Damaged(
        /// Which file.
        PathBuf,
    ),
}

impl fmt::Display for FenceFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "cannot use the fence memory {}: {error}", path.display()),
            Self::Damaged(path) => write!(f, "the fence memory {} has no whole slot left", path.display()),
        }
    }
}

impl std::error::Error for FenceFileError {}

impl FenceFile {
    /// Opens `<folder>/<name>.fence`, with the newest fence in it.
    pub fn open(folder: &Path, name: &str) -> Result<Self, FenceFileError> {
        let path = folder.join(format!("{}.fence", file_stem(name)));
        let failed = |error| FenceFileError::Io { path: path.clone(), error };
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let is_new = file.metadata().map_err(failed)?.len() == 0;
        let slots = [0, 1].map(|slot| read_slot(&file, slot));
        let newest = match slots {
            [Some(first), Some(second)] if first > second => Some((first, 1)),
            [_, Some(second)] => Some((second, 0)),
            [Some(first), None] => Some((first, 1)),
            [None, None] => None,
        };
        match newest {
            Some((fence, next_slot)) => Ok(Self { file, fence, next_slot }),
            None if is_new => Ok(Self { file, fence: Fence::default(), next_slot: 0 }),
            None => Err(FenceFileError::Damaged(path)),
        }
    }
}

impl FenceMemory for FenceFile {
    fn load(&self) -> Fence {
        self.fence
    }

    fn store(&mut self, fence: Fence) -> Result<(), StoreFailed> {
        let slot = encode(fence);
        self.file.write_all_at(&slot, self.next_slot * SLOT_BYTES as u64).map_err(|_| StoreFailed)?;
        self.fence = fence;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }
}

fn encode(fence: Fence) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    let (body, sum) = slot.split_at_mut(16);
    body[..8].copy_from_slice(&fence.term.to_le_bytes());
    body[8..].copy_from_slice(&fence.index.to_le_bytes());
    sum.copy_from_slice(&Sha256::digest(&*body)[..8]);
    slot
}

fn read_slot(file: &File, slot: u64) -> Option<Fence> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64).ok()?;
    let term = u64::from_le_bytes(bytes[..8].try_into().ok()?);
    let index = u64::from_le_bytes(bytes[8..16].try_into().ok()?);
    let fence = Fence { term, index };
    (encode(fence) == bytes).then_some(fence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(term: u64, index: u64) -> Fence {
        Fence { term, index }
    }

    #[test]
    fn the_newest_fence_outlives_the_process() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let open = || FenceFile::open(folder.path(), "kesm K1").expect("usable");
        assert_eq!(open().load(), Fence::default());
        for index in 1..=5 {
            let mut memory = open();
            assert_eq!(memory.load(), fence(u64::from(index > 1), index - 1));
            memory.store(fence(1, index)).expect("room");
        }
        assert_eq!(open().load(), fence(1, 5));
        assert!(folder.path().join("kesm-K1.fence").exists());
    }

    #[test]
    fn a_torn_write_loses_only_itself_and_lost_memory_is_told() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let path = folder.path().join("t.fence");
        let mut memory = FenceFile::open(folder.path(), "t").expect("usable");
        memory.store(fence(1, 1)).expect("room");
        memory.store(fence(1, 2)).expect("room");
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[SLOT_BYTES + 3] ^= 1;
        std::fs::write(&path, &bytes).expect("room");
        assert_eq!(FenceFile::open(folder.path(), "t").expect("one slot is whole").load(), fence(1, 1));
        bytes[3] ^= 1;
        std::fs::write(&path, &bytes).expect("room");
        assert!(matches!(FenceFile::open(folder.path(), "t"), Err(FenceFileError::Damaged(_))));
    }
}
