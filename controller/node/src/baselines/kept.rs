//! The file of baselines: replaced whole, and put aside when it cannot be used.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ridethrough_model::{BaselineStore, SNAPSHOT_BYTES_MAX};

/// Where baselines are kept.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("baselines.bin")
    }

    /// Fills the store with what was kept, if that can be used. What cannot be is told, counted and put aside, and the
    /// store stays cold.
    pub fn restore(&self, store: &mut BaselineStore) {
        let file = self.file();
        let fault = match read(&file) {
            Ok(bytes) => match store.restore(&bytes) {
                Ok(saved_s) => return tracing::info!(saved_s, "baselines go on from what was kept"),
                Err(fault) => fault.to_string(),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return tracing::info!("no baselines were kept; they start cold");
            }
            Err(error) => error.to_string(),
        };
        metrics::counter!("ridethrough_baseline_files_refused_total").increment(1);
        let aside = self.folder.join("baselines.refused");
        let moved = std::fs::rename(&file, &aside);
        tracing::warn!(file = %file.display(), fault, aside = %aside.display(), moved = moved.is_ok(),
            "kept baselines are not used; they start cold");
    }

    /// Replaces the file: a crash leaves the old or the new one.
    pub fn save(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.folder.join("baselines.new");
        let mut made = File::create(&new)?;
        made.write_all(bytes)?;
        made.sync_all()?;
        std::fs::rename(&new, self.file())?;
        File::open(&self.folder)?.sync_all()
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(SNAPSHOT_BYTES_MAX).unwrap_or(u64::MAX);
    File::open(file)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() > SNAPSHOT_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "longer than any snapshot"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use ridethrough_model::Heard;

    use super::*;

    fn store() -> BaselineStore {
        BaselineStore::new([1; 32], &[10_000], &[])
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_damaged_lies_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept::in_folder(folder.path());
        let mut taught = store();
        (1_000..1_100).for_each(|at_s| taught.observe_rack(0, Heard { at_s, watts: 4_000 }).expect("new"));
        kept.save(&taught.snapshot(1_100)).expect("saved");
        let mut back = store();
        kept.restore(&mut back);
        assert_eq!(back, taught);

        let mut bytes = std::fs::read(kept.file()).expect("kept");
        bytes[100] ^= 1;
        std::fs::write(kept.file(), &bytes).expect("written");
        let mut cold = store();
        kept.restore(&mut cold);
        assert_eq!(cold, store());
        assert_eq!(std::fs::read(folder.path().join("baselines.refused")).expect("aside"), bytes);
        assert!(!kept.file().exists());
        kept.save(&cold.snapshot(2_000)).expect("the next one is kept again");
    }
}
