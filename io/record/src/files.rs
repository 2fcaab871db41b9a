//! The folder of segments: names, order, and how much room they take.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What segments end with.
const ENDING: &str = "rtrecord";
/// Segments of one hour: one for each start of the replica, and for each that grew too large.
const OF_AN_HOUR_MAX: u32 = 10_000;

/// The segments of a folder, oldest first.
pub fn segments(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Makes the next segment of an hour; names sort by time. One that is there is never opened again.
pub fn create(folder: &Path, hour: i64) -> io::Result<(PathBuf, File)> {
    for nth in 0..OF_AN_HOUR_MAX {
        let path = folder.join(format!("{:012}-{nth:04}.{ENDING}", hour.max(0) * 3600));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("{OF_AN_HOUR_MAX} segments of one hour")))
}

/// Deletes the oldest until all take no more than this; never `current`. Returns the bytes that are left and how many
/// were deleted.
pub fn make_room(folder: &Path, bytes_max: u64, current: Option<&Path>) -> io::Result<(u64, u64)> {
    let mut sized = Vec::new();
    for path in segments(folder)? {
        sized.push((fs::metadata(&path)?.len(), path));
    }
    let mut bytes: u64 = sized.iter().map(|(length, _)| length).sum();
    let mut deleted = 0;
    for (length, path) in sized {
        if bytes <= bytes_max {
            break;
        }
        if current != Some(path.as_path()) {
            fs::remove_file(&path)?;
            bytes -= length;
            deleted += 1;
        }
    }
    Ok((bytes, deleted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_the_current_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let made: Vec<PathBuf> = [7, 5, 6, 5]
            .map(|hour| {
                let (path, file) = create(dir.path(), hour).expect("a segment");
                file.set_len(100).expect("room");
                path
            })
            .to_vec();
        let listed = segments(dir.path()).expect("a list");
        assert_eq!(listed, [&made[1], &made[3], &made[2], &made[0]].map(Clone::clone), "by hour, then by start");
        assert_eq!(make_room(dir.path(), 250, Some(&made[1])).expect("room"), (200, 2));
        assert_eq!(segments(dir.path()).expect("a list"), [made[1].clone(), made[0].clone()]);
        assert_eq!(make_room(dir.path(), 0, Some(&made[0])).expect("room"), (100, 1));
    }
}
