//! Segment files by name: `log-<first sequence, 20 digits>.seg`.

use crate::error::{Operation, ReadError, Reason};
use crate::format::FRAME_BYTES_MAX;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Smallest segment that may be configured, in bytes.
pub const SEGMENT_BYTES_MIN: u64 = 512;
/// Largest segment that may be configured, in bytes; recovery holds one segment in memory.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// The sequence number of the very first record.
pub(crate) const FIRST_SEQUENCE: u64 = 1;

/// A segment takes one record of any size even if that is larger than the configured size.
const FILE_BYTES_MAX: u64 = SEGMENT_BYTES_MAX + FRAME_BYTES_MAX as u64;
const _: () = assert!(FILE_BYTES_MAX < u32::MAX as u64);

pub(crate) fn path(dir: &Path, first_sequence: u64) -> PathBuf {
    dir.join(format!("log-{first_sequence:020}.seg"))
}

/// The first sequence numbers of all segments in `dir`, ascending.
pub(crate) fn list(dir: &Path) -> Result<Vec<u64>, ReadError> {
    let failed = |error| ReadError::Io { file: dir.to_path_buf(), operation: Operation::List, error };
    let mut firsts = Vec::new();
    for item in fs::read_dir(dir).map_err(failed)? {
        let name = item.map_err(failed)?.file_name();
        firsts.extend(name.to_str().and_then(first_sequence));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// The whole file; at most `FILE_BYTES_MAX` bytes.
pub(crate) fn load(file: &Path) -> Result<Vec<u8>, ReadError> {
    let failed = |operation| move |error| ReadError::Io { file: file.to_path_buf(), operation, error };
    let mut bytes = Vec::new();
    let source = File::open(file).map_err(failed(Operation::Open))?;
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed(Operation::Read))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::Corrupt { file: file.to_path_buf(), offset: FILE_BYTES_MAX, reason: Reason::Oversized });
    }
    Ok(bytes)
}

fn first_sequence(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("log-")?.strip_suffix(".seg")?;
    if digits.len() == 20 { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_and_parse() {
        assert_eq!(path(Path::new("/log"), 42), PathBuf::from("/log/log-00000000000000000042.seg"));
        assert_eq!(first_sequence("log-00000000000000000042.seg"), Some(42));
        assert_eq!(first_sequence("log-42.seg"), None);
        assert_eq!(first_sequence("spare-1.tmp"), None);
    }
}
