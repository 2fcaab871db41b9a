//! The log and the newest checkpoint of this replica, for auditors elsewhere: file by file, a piece at a time.
//!
//! Nothing else of the folder is told, and no key lies in it. A piece is read as it lies on the disk: whoever copies it checks
//! it as the audit checks any copy.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ridethrough_raft::retention::{log_files, newest_checkpoint};
use serde_json::{Value, json};

use super::failed;
use crate::data_folder::{REPLICA, SITE};

/// Most bytes of a file in one answer.
const PIECE_BYTES: usize = 1 << 20;

/// The files, in the order in which they are to be copied, with their lengths.
pub fn list(folder: &Path) -> Value {
    let listed = log(folder).and_then(|log| {
        let names = beside(folder).chain(newest_checkpoint(folder)).chain(log);
        let about = |name: PathBuf| Ok(json!({ "name": name, "bytes": folder.join(&name).metadata()?.len() }));
        names.map(about).collect::<io::Result<Vec<Value>>>()
    });
    listed.map_or_else(|error| failed(&format!("the log cannot be listed: {error}")), |files| json!({ "files": files }))
}

/// A piece of one of them, in Base64; an empty one at its end.
pub fn piece(folder: &Path, name: &str, offset: u64) -> Value {
    let read = log(folder).and_then(|log| {
        // Only what is listed: a name that leads elsewhere is none of them. Checkpoints are many: they are listed last.
        let mut names = beside(folder).chain(log).chain(std::iter::once_with(|| newest_checkpoint(folder)).flatten());
        let known = names.find(|known| known.as_os_str() == name).ok_or(io::ErrorKind::NotFound)?;
        read_at(&folder.join(known), offset)
    });
    match read {
        Ok(bytes) => json!({ "name": name, "offset": offset, "data": STANDARD.encode(bytes) }),
        Err(error) => failed(&format!("`{}`: {error}", name.escape_debug())),
    }
}

fn log(folder: &Path) -> io::Result<Vec<PathBuf>> {
    log_files(folder).map_err(io::Error::other)
}

fn beside(folder: &Path) -> impl Iterator<Item = PathBuf> {
    [SITE, REPLICA].map(PathBuf::from).into_iter().filter(|name| folder.join(name).exists())
}

fn read_at(file: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let (file, mut bytes) = (File::open(file)?, vec![0; PIECE_BYTES]);
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], offset.saturating_add(read as u64))? {
            0 => break,
            more => read += more,
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}
