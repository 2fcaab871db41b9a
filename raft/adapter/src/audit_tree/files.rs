//! What lies in `audit/` below a replica's directory: one signed note for each checkpoint, and the tiles of the tree's
//! lowest level in the layout of C2SP tlog-tiles, whole ones only. Tiles let an auditor name the very entry that was
//! changed; they are not signed, and are believed only where they give a signed root.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ridethrough_witness::Hash;
use ridethrough_witness::note::NOTE_BYTES_MAX;

use super::CHECKPOINT_ENTRIES;

/// Its name.
pub(crate) const AUDIT_DIR: &str = "audit";
const TILE_BYTES: usize = 32 * 256;
const _: () = assert!(TILE_BYTES as u64 == 32 * CHECKPOINT_ENTRIES);

/// The note of the checkpoint with this size. The digits are as many for each, so that names sort by size.
pub(crate) fn note(dir: &Path, size: u64) -> PathBuf {
    dir.join(format!("checkpoint-{size:020}.note"))
}

/// The tile with this number: three digits to a folder, all but the last after an `x`.
pub(crate) fn tile(dir: &Path, number: u64) -> PathBuf {
    let mut name = format!("{:03}", number % 1000);
    let mut above = number / 1000;
    while above > 0 {
        name = format!("x{:03}/{name}", above % 1000);
        above /= 1000;
    }
    dir.join("tile/0").join(name)
}

/// The sizes whose notes there are, in rising order; none when there is no such folder.
pub(crate) fn sizes(dir: &Path) -> io::Result<Vec<u64>> {
    let listed = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut sizes = Vec::new();
    for item in listed {
        let name = item?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix("checkpoint-")?.strip_suffix(".note"));
        sizes.extend(digits.filter(|digits| digits.len() == 20).and_then(|digits| digits.parse::<u64>().ok()));
    }
    sizes.sort_unstable();
    Ok(sizes)
}

/// A note's bytes; none when there is no such file.
pub(crate) fn read_note(dir: &Path, size: u64) -> io::Result<Option<Vec<u8>>> {
    read(&note(dir, size), NOTE_BYTES_MAX + 1)
}

/// The leaf hashes of a tile; none when there is no such file, or it has another length.
pub(crate) fn read_tile(dir: &Path, number: u64) -> io::Result<Option<Vec<Hash>>> {
    let bytes = read(&tile(dir, number), TILE_BYTES + 1)?.filter(|bytes| bytes.len() == TILE_BYTES);
    Ok(bytes.map(|bytes| bytes.as_chunks::<32>().0.to_vec()))
}

fn read(file: &Path, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    opened.take(bytes_max as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes a file so that a crash leaves all of it or nothing.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = folder.join("new.tmp");
    let mut out = File::create(&new)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&new, file)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_where_the_layout_says() {
        for (number, name) in [(0, "000"), (999, "999"), (1_000, "x001/000"), (1_234_067, "x001/x234/067")] {
            assert_eq!(tile(Path::new("audit"), number), Path::new("audit/tile/0").join(name));
        }
    }

    #[test]
    fn only_notes_are_listed_by_their_size() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(sizes(&dir.path().join("none")).expect("absent"), []);
        for size in [512, 7, 256] {
            write(&note(dir.path(), size), b"x").expect("room");
        }
        write(&dir.path().join("checkpoint-8.note"), b"x").expect("room");
        assert_eq!(sizes(dir.path()).expect("listed"), [7, 256, 512]);
    }
}
