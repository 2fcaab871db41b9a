//! Walks the records of one segment in memory and judges how they end.

use crate::error::Reason;
use crate::format::{Before, FRAME_BYTES_MIN, Frame, HEADER_BYTES};
use crate::version::{RECORD_START_BYTES, SECTOR_BYTES, Version};

/// A cursor over the records of one segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    version: Version,
    /// Where the last record ends, in bytes.
    pub(crate) offset: usize,
    /// The sequence number that the next record must have.
    pub(crate) sequence: u64,
    /// Where the newest record begins that says all before it was synced; what lies after may never have been.
    pub(crate) synced_to: usize,
}

/// What a bad record at the end of the last segment means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A write that a crash cut short; nobody was told that it succeeded.
    Torn {
        /// Bytes from the bad record to the last byte that is not zero.
        bytes: usize,
    },
    /// Acknowledged data may be lost.
    Damaged,
}

impl Cursor {
    pub(crate) fn new(version: Version, first_sequence: u64) -> Self {
        Self { version, offset: HEADER_BYTES, sequence: first_sequence, synced_to: HEADER_BYTES }
    }

    /// The next record with its offset, or `None` at the end; on an error the cursor stays before the bad record.
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(usize, Frame<'a>)>, Reason> {
        let offset = self.version.record_start(self.offset);
        let between = bytes.get(self.offset..offset).unwrap_or_default();
        let rest = bytes.get(offset..).unwrap_or_default();
        if !is_zero(between) {
            return Err(Reason::Between);
        }
        if rest.iter().take(4).all(|byte| *byte == 0) {
            return if is_zero(rest) { Ok(None) } else { Err(Reason::Hole) };
        }
        let frame = Frame::parse(rest)?;
        if frame.sequence != self.sequence {
            return Err(Reason::Sequence { expected: self.sequence, found: frame.sequence });
        }
        if frame.before == Before::Synced {
            self.synced_to = offset;
        }
        self.offset = offset + frame.bytes;
        self.sequence += 1;
        Ok(Some((offset, frame)))
    }

    /// Judges the bad record at the cursor, in the last segment of a log.
    pub(crate) fn judge(&self, bytes: &[u8], reason: Reason) -> Verdict {
        let may_be_torn =
            matches!(reason, Reason::CutShort | Reason::Length | Reason::Checksum | Reason::Hole | Reason::Between);
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if !may_be_torn || self.followed_by_acknowledged(bytes, end) {
            return Verdict::Damaged;
        }
        Verdict::Torn { bytes: end.saturating_sub(self.offset) }
    }

    /// Whether records after the bad one show that it was once synced, or that it is damaged rather than unwritten.
    fn followed_by_acknowledged(&self, bytes: &[u8], end: usize) -> bool {
        let mut first_valid = None;
        for at in self.offset + 1..end {
            let Some(before) = self.valid_later_record(bytes, at) else { continue };
            if before == Before::Synced {
                return true;
            }
            first_valid.get_or_insert(at);
        }
        // Records of the same write follow: the disk may have stored its sectors out of order, then one is missing.
        first_valid.is_some_and(|next| !has_unwritten_sector(bytes, self.version.record_start(self.offset), next))
    }

    fn valid_later_record(&self, bytes: &[u8], at: usize) -> Option<Before> {
        let candidate = bytes.get(at..)?;
        let sequence = Frame::peek_sequence(candidate)?;
        // The sequence number is compared first, since a checksum at every offset would take hours.
        let ahead = sequence.checked_sub(self.sequence)?;
        let possible = (bytes.len() - self.offset) / FRAME_BYTES_MIN;
        if ahead > possible as u64 {
            return None;
        }
        Frame::parse(candidate).ok().map(|frame| frame.before)
    }
}

/// Whether a sector within `from..to` was never written, where `from` is the start of a record.
fn has_unwritten_sector(bytes: &[u8], from: usize, to: usize) -> bool {
    let first_whole = from.next_multiple_of(SECTOR_BYTES);
    let begun = bytes.get(from..first_whole.min(to)).unwrap_or_default();
    // A record that begins in a lost sector leaves only zeros of it there; every later lost sector is lost whole,
    // since the records that begin in it are lost with it.
    (begun.len() >= RECORD_START_BYTES && is_zero(begun))
        || (first_whole..to)
            .step_by(SECTOR_BYTES)
            .any(|start| start + SECTOR_BYTES <= to && bytes.get(start..start + SECTOR_BYTES).is_some_and(is_zero))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
