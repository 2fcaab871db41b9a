//! The stored bytes: segment header and record frame. These layouts are a contract; the golden test below holds them.
//!
//! All integers are little-endian.
//!
//! ```text
//! header  magic "RDTHRLOG" | version u32 | cluster [u8; 16] | first sequence u64 | crc32c u32 of all before
//! record  len u32 | crc32c u32 | kind u8 | sequence u64 | body
//!         `len` counts kind, sequence and body; the checksum covers the same bytes
//!         where it may begin depends on the version: see `version.rs`
//! bodies  1 Entry: index u64, payload | 2 Vote: payload | 3 TruncateAfter: first dropped index u64
//!         4 Purge: index u64 | 5 Committed: payload
//! ```
//!
//! The highest bit of `kind` says that every record before this one was synced before this one was written. Recovery
//! needs it to tell a write that the power cut short (not acknowledged to anybody) from damage to acknowledged data.

use crate::error::Reason;
use crate::record::RecordRef;
use crate::version::Version;

/// Bytes before the first record of a segment.
pub(crate) const HEADER_BYTES: usize = 40;
/// Longest payload of an entry, a vote or a committed mark, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// The newest format this build writes and reads; it reads all older ones.
pub const FORMAT_VERSION: u32 = Version::NEWEST.number();

/// Bytes of a frame that carries nothing: length, checksum, kind and sequence.
pub(crate) const FRAME_BYTES_MIN: usize = 8 + CONTENT_BYTES_MIN;
/// Longest whole frame, in bytes.
pub(crate) const FRAME_BYTES_MAX: usize = FRAME_BYTES_MIN + 8 + PAYLOAD_BYTES_MAX;

const MAGIC: [u8; 8] = *b"RDTHRLOG";
const CONTENT_BYTES_MIN: usize = 9;
const SYNCED_BEFORE: u8 = 0x80;
const _: () = assert!(FRAME_BYTES_MAX < u32::MAX as usize);

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: Version,
    pub(crate) cluster: [u8; 16],
    pub(crate) first_sequence: u64,
}

/// Why a header cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Damaged(Reason),
    Newer { found: u32 },
}

/// Whether everything before a record was on the disk when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Synced,
    Unsynced,
}

/// One record as it lies in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) before: Before,
    pub(crate) sequence: u64,
    pub(crate) record: RecordRef<'a>,
    /// Length of the whole frame.
    pub(crate) bytes: usize,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&self.version.number().to_le_bytes());
        bytes[12..28].copy_from_slice(&self.cluster);
        bytes[28..36].copy_from_slice(&self.first_sequence.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..36]);
        bytes[36..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BadHeader> {
        let damaged = BadHeader::Damaged(Reason::Header);
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(damaged)?;
        let (magic, rest) = header.split_first_chunk::<8>().ok_or(damaged)?;
        let (version, rest) = split_u32(rest).ok_or(damaged)?;
        if *magic != MAGIC {
            return Err(damaged);
        }
        // A newer format may place its checksum elsewhere, so the version is read before the checksum.
        if version > FORMAT_VERSION {
            return Err(BadHeader::Newer { found: version });
        }
        let (cluster, rest) = rest.split_first_chunk::<16>().ok_or(damaged)?;
        let (first_sequence, rest) = split_u64(rest).ok_or(damaged)?;
        let (checksum, _) = split_u32(rest).ok_or(damaged)?;
        if checksum != crc32c::crc32c(&header[..36]) {
            return Err(damaged);
        }
        let version = Version::from_number(version).ok_or(damaged)?;
        Ok(Self { version, cluster: *cluster, first_sequence })
    }
}

impl<'a> Frame<'a> {
    /// Parses the frame that `bytes` begins with.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let (len, rest) = split_u32(bytes).ok_or(Reason::CutShort)?;
        let (checksum, rest) = split_u32(rest).ok_or(Reason::CutShort)?;
        let len = len as usize;
        if !(CONTENT_BYTES_MIN..=FRAME_BYTES_MAX - 8).contains(&len) {
            return Err(Reason::Length);
        }
        let content = rest.get(..len).ok_or(Reason::CutShort)?;
        if crc32c::crc32c(content) != checksum {
            return Err(Reason::Checksum);
        }
        let (kind, rest) = content.split_first().ok_or(Reason::Length)?;
        let (sequence, body) = split_u64(rest).ok_or(Reason::Length)?;
        let before = if kind & SYNCED_BEFORE == 0 { Before::Unsynced } else { Before::Synced };
        let record = parse_body(kind & !SYNCED_BEFORE, body)?;
        Ok(Self { before, sequence, record, bytes: 8 + len })
    }

    /// The sequence number that a frame at the start of `bytes` would have; nothing is checked.
    pub(crate) fn peek_sequence(bytes: &[u8]) -> Option<u64> {
        split_u64(bytes.get(9..)?).map(|(sequence, _)| sequence)
    }
}

/// Length of the frame that `record` becomes, in bytes.
pub(crate) fn frame_bytes(record: RecordRef<'_>) -> usize {
    let (_, index, payload) = parts(record);
    FRAME_BYTES_MIN + index.map_or(0, |_| 8) + payload.len()
}

/// Appends the frame of `record` to `out`.
pub(crate) fn encode_frame(record: RecordRef<'_>, sequence: u64, before: Before, out: &mut Vec<u8>) {
    let (kind, index, payload) = parts(record);
    assert!(payload.len() <= PAYLOAD_BYTES_MAX, "a payload over the limit is refused before it is queued");
    let start = out.len();
    let len = u32::try_from(frame_bytes(record) - 8).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.push(if before == Before::Synced { kind | SYNCED_BEFORE } else { kind });
    out.extend_from_slice(&sequence.to_le_bytes());
    if let Some(index) = index {
        out.extend_from_slice(&index.to_le_bytes());
    }
    out.extend_from_slice(payload);
    let checksum = crc32c::crc32c(&out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
}

/// Kind, index field and payload of a record.
fn parts(record: RecordRef<'_>) -> (u8, Option<u64>, &[u8]) {
    match record {
        RecordRef::Entry { index, payload } => (1, Some(index), payload),
        RecordRef::Vote { payload } => (2, None, payload),
        RecordRef::TruncateAfter { index } => (3, Some(index.map_or(0, |kept| kept.saturating_add(1))), &[]),
        RecordRef::Purge { index } => (4, Some(index), &[]),
        RecordRef::Committed { payload } => (5, None, payload),
    }
}

fn parse_body(kind: u8, body: &[u8]) -> Result<RecordRef<'_>, Reason> {
    let record = match kind {
        1 => {
            let (index, payload) = split_u64(body).ok_or(Reason::Body)?;
            RecordRef::Entry { index, payload }
        }
        2 => RecordRef::Vote { payload: body },
        3 => RecordRef::TruncateAfter { index: exactly_u64(body)?.checked_sub(1) },
        4 => RecordRef::Purge { index: exactly_u64(body)? },
        5 => RecordRef::Committed { payload: body },
        _ => return Err(Reason::Kind { found: kind }),
    };
    if parts(record).2.len() > PAYLOAD_BYTES_MAX { Err(Reason::Length) } else { Ok(record) }
}

fn exactly_u64(bytes: &[u8]) -> Result<u64, Reason> {
    match split_u64(bytes) {
        Some((value, [])) => Ok(value),
        _ => Err(Reason::Body),
    }
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk::<4>().map(|(value, rest)| (u32::from_le_bytes(*value), rest))
}

fn split_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    bytes.split_first_chunk::<8>().map(|(value, rest)| (u64::from_le_bytes(*value), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    const GOLDEN: [(Version, &str); 2] = [
        (Version::V1, include_str!("../golden/format-v1.txt")),
        (Version::V2, include_str!("../golden/format-v2.txt")),
    ];

    #[test]
    fn the_stored_bytes_are_those_of_the_golden_file() {
        for (version, golden) in GOLDEN {
            assert_eq!(
                golden,
                golden_now(version),
                "the format is a contract: a change needs a new version and a reader for both"
            );
        }
    }

    #[test]
    fn every_bit_flip_in_a_frame_is_refused() {
        let mut bytes = Vec::new();
        encode_frame(RecordRef::Entry { index: 7, payload: b"payload" }, 3, Before::Synced, &mut bytes);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse(&bytes).is_err(), "bit {bit} was accepted");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn every_bit_flip_in_a_header_is_refused() {
        let mut bytes = Header { version: Version::NEWEST, cluster: [7; 16], first_sequence: 1 }.encode();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::parse(&bytes).is_err(), "bit {bit} was accepted");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn frames_parse_back() {
        for record in samples() {
            for before in [Before::Synced, Before::Unsynced] {
                let mut bytes = Vec::new();
                encode_frame(record, 9, before, &mut bytes);
                assert_eq!(bytes.len(), frame_bytes(record));
                assert_eq!(Frame::parse(&bytes), Ok(Frame { before, sequence: 9, record, bytes: bytes.len() }));
            }
        }
    }

    fn golden_now(version: Version) -> String {
        let header = Header { version, cluster: *b"0123456789abcdef", first_sequence: 258 };
        let mut text = format!("header {}\n", hex(&header.encode()));
        for record in samples() {
            let mut bytes = Vec::new();
            encode_frame(record, 0x0102_0304_0506_0708, Before::Synced, &mut bytes);
            writeln!(text, "{record:?} {}", hex(&bytes)).expect("a String takes every write");
        }
        if version == Version::V2 {
            let starts = [503, 504, 505, 511, 512].map(|end| (end, version.record_start(end)));
            writeln!(text, "after, begins {starts:?}").expect("a String takes every write");
        }
        text
    }

    fn samples() -> [RecordRef<'static>; 6] {
        [
            RecordRef::Entry { index: 258, payload: b"grant" },
            RecordRef::Vote { payload: b"vote" },
            RecordRef::TruncateAfter { index: None },
            RecordRef::TruncateAfter { index: Some(0) },
            RecordRef::Purge { index: 258 },
            RecordRef::Committed { payload: b"" },
        ]
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes every write");
            text
        })
    }

    /// A record whose checksum is right and whose content is not: what a newer or a broken writer would leave.
    #[test]
    fn a_sound_frame_of_an_unknown_kind_or_with_another_body_is_refused() {
        let check = |record, change: fn(&mut Vec<u8>), expected| {
            let mut bytes = Vec::new();
            encode_frame(record, 9, Before::Unsynced, &mut bytes);
            change(&mut bytes);
            let len = u32::try_from(bytes.len() - 8).expect("short");
            bytes[..4].copy_from_slice(&len.to_le_bytes());
            let checksum = crc32c::crc32c(&bytes[8..]);
            bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
            assert_eq!(Frame::parse(&bytes), Err(expected));
        };
        let purge = RecordRef::Purge { index: 258 };
        check(purge, |bytes| bytes[8] = 6, Reason::Kind { found: 6 });
        check(purge, |bytes| bytes[8] = 0, Reason::Kind { found: 0 });
        check(purge, |bytes| bytes.push(0), Reason::Body);
        check(purge, |bytes| bytes.truncate(bytes.len() - 1), Reason::Body);
        check(RecordRef::TruncateAfter { index: None }, |bytes| bytes.push(0), Reason::Body);
        check(RecordRef::Entry { index: 1, payload: b"" }, |bytes| bytes.truncate(bytes.len() - 1), Reason::Body);
    }
}
