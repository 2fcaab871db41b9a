//! Where records may begin, by the version of the format.
//!
//! A disk stores whole sectors, in any order. When the power goes before a sync, a sector that was lost is found as it was
//! before the write: with zeros from the end of the last synced record on. If a record began in that sector, its first bytes
//! are zeros. Eight of them (length and checksum) tell a lost sector from a damaged one, since no flipped bit makes both
//! fields zero; fewer do not. So from version 2 on, no record begins so near the end of a sector that fewer would lie in it.

/// The unit that a disk stores whole or not at all, in bytes; larger ones are multiples of it.
pub(crate) const SECTOR_BYTES: usize = 512;
/// Length and checksum.
pub(crate) const RECORD_START_BYTES: usize = 8;

/// The version of a segment's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// A record begins where the one before it ends.
    V1,
    /// If fewer than eight bytes are left in the sector, they are zeros, and the record begins in the next one.
    V2,
}

impl Version {
    /// What new segments are written in.
    pub(crate) const NEWEST: Self = Self::V2;

    /// As it stands in a header.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// None for a number that no release has written.
    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }

    /// Where a record begins that comes after one which ends at this offset.
    pub(crate) const fn record_start(self, end: usize) -> usize {
        let left = SECTOR_BYTES - end % SECTOR_BYTES;
        match self {
            Self::V2 if left < RECORD_START_BYTES => end + left,
            Self::V1 | Self::V2 => end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_the_second_version_begins_with_eight_bytes_in_its_sector() {
        for end in 0..3 * SECTOR_BYTES {
            let start = Version::V2.record_start(end);
            assert!((end..end + RECORD_START_BYTES).contains(&start));
            assert!(start % SECTOR_BYTES <= SECTOR_BYTES - RECORD_START_BYTES);
            assert_eq!(Version::V2.record_start(start), start);
            assert_eq!(Version::V1.record_start(end), end);
        }
        assert_eq!((Version::V2.record_start(504), Version::V2.record_start(505)), (504, 512));
    }

    #[test]
    fn numbers_are_those_of_the_headers() {
        for version in [Version::V1, Version::V2] {
            assert_eq!(Version::from_number(version.number()), Some(version));
        }
        assert_eq!((Version::from_number(0), Version::from_number(3)), (None, None));
    }
}
