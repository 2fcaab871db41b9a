//! Reads entries by their places in the segments.

use crate::error::{Operation, ReadError, Reason};
use crate::format::{FRAME_BYTES_MIN, Frame};
use crate::index::Slot;
use crate::record::RecordRef;
use crate::segment;
use crate::walk::{corrupt, io_error};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Reads entries from segments and keeps the segment last used open.
pub(crate) struct Fetcher<'a> {
    dir: &'a Path,
    open: Option<(u64, PathBuf, File)>,
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(dir: &'a Path) -> Self {
        Self { dir, open: None }
    }

    /// The payload of entry `index`, its checksum verified.
    pub(crate) fn fetch(&mut self, index: u64, slot: &Slot) -> Result<Vec<u8>, ReadError> {
        let (path, file) = self.open(slot.segment)?;
        let mut bytes = vec![0; FRAME_BYTES_MIN + 8 + slot.payload_bytes as usize];
        file.read_exact_at(&mut bytes, slot.offset.into()).map_err(io_error(path, Operation::Read))?;
        let offset = slot.offset as usize;
        match Frame::parse(&bytes) {
            Ok(Frame { sequence, record: RecordRef::Entry { index: found, payload }, .. })
                if sequence == slot.sequence && found == index =>
            {
                Ok(payload.to_vec())
            }
            Ok(_) => Err(corrupt(path, offset, Reason::OtherRecord)),
            Err(reason) => Err(corrupt(path, offset, reason)),
        }
    }

    fn open(&mut self, segment: u64) -> Result<(&Path, &File), ReadError> {
        if self.open.as_ref().is_none_or(|(open, ..)| *open != segment) {
            let path = segment::path(self.dir, segment);
            let file = File::open(&path).map_err(io_error(&path, Operation::Open))?;
            self.open = Some((segment, path, file));
        }
        match &self.open {
            Some((_, path, file)) => Ok((path, file)),
            None => unreachable!("the segment was opened above"),
        }
    }
}
