//! Takes back what was not durable, as a power cut may: any sectors, the growth of a file, the newest names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::dice::Dice;
use crate::journal::{self, Change};

/// What was taken back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Torn {
    /// Sectors that were not durable.
    pub unsynced_sectors: u64,
    /// Those of them that were lost.
    pub lost_sectors: u64,
    /// Files that are shorter.
    pub shortened: u64,
    /// Creations and renames.
    pub names: u64,
}

/// What stands on the disk and is not durable.
#[derive(Debug, Default)]
struct Unsynced {
    /// The name of each file by number.
    paths: BTreeMap<u32, String>,
    /// What each sector held when the file was last synced, by file and offset.
    sectors: BTreeMap<(u32, u64), Vec<u8>>,
    /// How long each grown file was then.
    lengths: BTreeMap<u32, u64>,
    names: Vec<Name>,
}

#[derive(Debug)]
enum Name {
    Created(String),
    Renamed { from: String, to: String },
}

/// Cuts the power of the disk that the journal tells of.
pub fn tear(journal: &Path, dice: &mut Dice) -> io::Result<Torn> {
    let mut unsynced = Unsynced::default();
    journal::read(journal)?.into_iter().for_each(|change| unsynced.take(change));
    let mut torn = Torn { unsynced_sectors: unsynced.sectors.len() as u64, ..Torn::default() };
    unsynced.lose_sectors(dice, &mut torn)?;
    unsynced.shorten(dice, &mut torn)?;
    unsynced.undo_names(dice, &mut torn)?;
    Ok(torn)
}

impl Unsynced {
    fn take(&mut self, change: Change) {
        match change {
            Change::Created { file, path } => {
                self.names.push(Name::Created(path.clone()));
                self.paths.insert(file, path);
            }
            Change::Opened { file, path } => drop(self.paths.insert(file, path)),
            Change::Overwritten { file, offset, old } => drop(self.sectors.entry((file, offset)).or_insert(old)),
            Change::Grown { file, from } => drop(self.lengths.entry(file).or_insert(from)),
            Change::Synced { file } => {
                self.sectors.retain(|(of, _), _| *of != file);
                self.lengths.remove(&file);
            }
            Change::Renamed { from, to } => {
                self.paths.values_mut().filter(|path| **path == from).for_each(|path| path.clone_from(&to));
                self.names.push(Name::Renamed { from, to });
            }
            // Only spares are removed: whether one comes back makes no difference.
            Change::Removed { path } => self.paths.retain(|_, known| *known != path),
            Change::DirectorySynced => self.names.clear(),
        }
    }

    /// All, none, all from one on, or each by a toss.
    fn lose_sectors(&self, dice: &mut Dice, torn: &mut Torn) -> io::Result<()> {
        let (kind, from) = (dice.below(4), dice.below(self.sectors.len() as u64 + 1));
        for (number, ((file, offset), old)) in (0..).zip(&self.sectors) {
            let is_lost = match kind {
                0 => true,
                1 => false,
                2 => number >= from,
                _ => dice.below(2) == 0,
            };
            let Some(path) = self.paths.get(file).filter(|path| is_lost && Path::new(path).exists()) else { continue };
            File::options().write(true).open(path)?.write_all_at(old, *offset)?;
            torn.lost_sectors += 1;
        }
        Ok(())
    }

    fn shorten(&self, dice: &mut Dice, torn: &mut Torn) -> io::Result<()> {
        for (file, from) in &self.lengths {
            let Some(path) = self.paths.get(file).filter(|path| Path::new(path).exists()) else { continue };
            let grown = fs::metadata(path)?.len().saturating_sub(*from);
            let lost = [0, grown, dice.below(grown + 1)][usize::try_from(dice.below(3)).unwrap_or(0)];
            File::options().write(true).open(path)?.set_len(from + grown - lost)?;
            torn.shortened += u64::from(lost > 0);
        }
        Ok(())
    }

    /// The newest first: a file system's journal keeps their order.
    fn undo_names(&self, dice: &mut Dice, torn: &mut Torn) -> io::Result<()> {
        let count = usize::try_from(dice.below(self.names.len() as u64 + 1)).unwrap_or(0);
        for name in self.names.iter().rev().take(count) {
            let undone = match name {
                Name::Created(path) => fs::remove_file(path),
                Name::Renamed { from, to } => fs::rename(to, from),
            };
            match undone {
                // Told, and not done yet when the power went.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                undone => {
                    undone?;
                    torn.names += 1;
                }
            }
        }
        Ok(())
    }
}
