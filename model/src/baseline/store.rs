//! All baselines of a site, and their bytes.
//!
//! ```text
//! "RTBASE" · version u16 · site hash 32 B · saved_s u32 · racks u32 · servers u32 · baselines · CRC-32C of all before
//! ```

use super::bytes::Reader;
use super::unit::{Baseline, Heard, Outlook, Refused};
use crate::RACKS_MAX;

const MAGIC: [u8; 6] = *b"RTBASE";
const VERSION: u16 = 1;
const HEAD_BYTES: usize = MAGIC.len() + 2 + 32 + 3 * 4;
const CHECKSUM_BYTES: usize = 4;
/// Most units: racks and their servers.
const UNITS_MAX: usize = RACKS_MAX * 16;
/// Most bytes of one baseline as written.
const UNIT_BYTES_MAX: usize = 400;
/// No snapshot is longer than this.
pub const SNAPSHOT_BYTES_MAX: usize = HEAD_BYTES + UNITS_MAX * UNIT_BYTES_MAX + CHECKSUM_BYTES;

/// Why a snapshot is not used. What it would have brought is learned anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotFault {
    /// It does not begin as one.
    Foreign,
    /// Written by another version.
    Version(u16),
    /// Of another site, or of a site that has changed since.
    OtherSite,
    /// Cut short or changed.
    Damaged,
}

impl std::fmt::Display for SnapshotFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => write!(out, "not a snapshot of baselines"),
            Self::Version(version) => write!(out, "version {version} of the format, this program reads {VERSION}"),
            Self::OtherSite => write!(out, "of another site"),
            Self::Damaged => write!(out, "cut short or changed"),
        }
    }
}

impl std::error::Error for SnapshotFault {}

/// Baselines of all racks and servers of a site, by their position.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineStore {
    site_hash: [u8; 32],
    racks: usize,
    units: Vec<Baseline>,
}

impl BaselineStore {
    /// A cold store: what each rack and each server may draw, in watts. Units beyond the most that are kept are left out.
    pub fn new(site_hash: [u8; 32], rack_watts: &[u32], server_watts: &[u32]) -> Self {
        let limits = rack_watts.iter().chain(server_watts).take(UNITS_MAX);
        let units: Vec<Baseline> = limits.map(|&watts| Baseline::new(watts)).collect();
        Self { site_hash, racks: rack_watts.len().min(units.len()), units }
    }

    /// Learns from a sample of a rack; one of a rack that is not there is ignored.
    pub fn observe_rack(&mut self, rack: usize, heard: Heard) -> Result<(), Refused> {
        self.observe(rack, self.racks, heard)
    }

    /// Learns from a sample of a server, counted over the site; one of a server that is not there is ignored.
    pub fn observe_server(&mut self, server: usize, heard: Heard) -> Result<(), Refused> {
        self.observe(self.racks.saturating_add(server), self.units.len(), heard)
    }

    fn observe(&mut self, at: usize, end: usize, heard: Heard) -> Result<(), Refused> {
        let turn = u32::try_from(at).unwrap_or(u32::MAX);
        self.units[..end].get_mut(at).map_or(Ok(()), |unit| unit.observe(turn, heard))
    }

    /// What is to be said of each rack.
    pub fn racks(&self) -> impl ExactSizeIterator<Item = Outlook> + '_ {
        self.units[..self.racks].iter().map(Baseline::outlook)
    }

    /// What is to be said of each server.
    pub fn servers(&self) -> impl ExactSizeIterator<Item = Outlook> + '_ {
        self.units[self.racks..].iter().map(Baseline::outlook)
    }

    /// The store as bytes, saved at a second since the epoch.
    pub fn snapshot(&self, saved_s: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES + self.units.len() * UNIT_BYTES_MAX + CHECKSUM_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.site_hash);
        for number in [saved_s, count(self.racks), count(self.units.len() - self.racks)] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        self.units.iter().for_each(|unit| unit.write(&mut out));
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Takes what a snapshot of the same site knows; returns when it was saved (seconds since the epoch). On an error
    /// the store is as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<u32, SnapshotFault> {
        let mut from = Reader(bytes);
        if from.array() != Some(MAGIC) {
            return Err(SnapshotFault::Foreign);
        }
        match from.u16() {
            Some(VERSION) => {}
            version => return Err(version.map_or(SnapshotFault::Damaged, SnapshotFault::Version)),
        }
        let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(SnapshotFault::Damaged)?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return Err(SnapshotFault::Damaged);
        }
        if from.array() != Some(self.site_hash) {
            return Err(SnapshotFault::OtherSite);
        }
        let (saved_s, units) = self.read(&mut from).ok_or(SnapshotFault::Damaged)??;
        self.units = units;
        Ok(saved_s)
    }

    fn read(&self, from: &mut Reader) -> Option<Result<(u32, Vec<Baseline>), SnapshotFault>> {
        let (saved_s, racks, servers) = (from.u32()?, from.u32()?, from.u32()?);
        if racks != count(self.racks) || servers != count(self.units.len() - self.racks) {
            return Some(Err(SnapshotFault::OtherSite));
        }
        let units: Option<Vec<Baseline>> = self.units.iter().map(|_| Baseline::read(from)).collect();
        (from.0.len() == CHECKSUM_BYTES).then_some(Ok((saved_s, units?)))
    }
}

fn count(units: usize) -> u32 {
    u32::try_from(units).expect("at most UNITS_MAX")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taught(watts: &[i64]) -> BaselineStore {
        let mut store = BaselineStore::new([7; 32], &[10_000, 20_000], &[1_000]);
        for (at_s, &watts) in (1_000_000..).zip(watts) {
            for rack in 0..2 {
                let _ = store.observe_rack(rack, Heard { at_s, watts });
            }
            let _ = store.observe_server(0, Heard { at_s, watts: watts / 10 });
        }
        store
    }

    #[test]
    fn other_sites_versions_and_files_are_refused_by_name() {
        let store = taught(&[4_000; 100]);
        let bytes = store.snapshot(5);
        let mut other = BaselineStore::new([8; 32], &[10_000, 20_000], &[1_000]);
        assert_eq!(other.restore(&bytes), Err(SnapshotFault::OtherSite));
        let mut fewer = BaselineStore::new([7; 32], &[10_000, 20_000], &[]);
        assert_eq!(fewer.restore(&bytes), Err(SnapshotFault::OtherSite));
        assert_eq!(fewer.restore(b"[site]"), Err(SnapshotFault::Foreign));
        let mut newer = bytes.clone();
        newer[6] = 2;
        assert_eq!(fewer.restore(&newer), Err(SnapshotFault::Version(2)));
        assert_eq!(fewer, BaselineStore::new([7; 32], &[10_000, 20_000], &[]), "a refusal changes nothing");
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_refused() {
        let mut store = taught(&[4_000; 50]);
        let bytes = store.snapshot(5);
        assert!(bytes.len() <= HEAD_BYTES + 3 * UNIT_BYTES_MAX + CHECKSUM_BYTES);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            assert!(store.restore(&changed).is_err(), "byte {at}");
            assert!(store.restore(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn a_round_trip_is_exact_and_learning_goes_on(watts in prop::collection::vec(0..30_000_i64, 0..900)) {
            let mut store = taught(&watts);
            let mut back = BaselineStore::new([7; 32], &[10_000, 20_000], &[1_000]);
            prop_assert_eq!(back.restore(&store.snapshot(77)), Ok(77));
            prop_assert_eq!(&back, &store);
            for at_s in 1_001_000..1_001_100 {
                let heard = Heard { at_s, watts: i64::from(at_s % 9_000) };
                prop_assert_eq!(back.observe_rack(1, heard), store.observe_rack(1, heard));
            }
            prop_assert_eq!(back, store);
        }
    }
}
