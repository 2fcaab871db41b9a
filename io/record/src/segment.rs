//! A segment: a header that names the columns, then blocks.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crc32c::crc32c;

use crate::block::{self, Block, Front, MARK};
use crate::column::{self, COLUMNS_MAX, Column};

const MAGIC: [u8; 8] = *b"RTrecord";
const VERSION: u16 = 1;
/// Magic, version, replica, bytes of the columns, their number.
const HEAD_BYTES: usize = 8 + 2 + 2 + 4 + 4;
/// The names of all columns, at their longest.
const COLUMNS_BYTES_MAX: usize = COLUMNS_MAX * (4 + 255);
/// A larger file is refused: a replica begins a new one long before.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A segment as it was read.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The file.
    pub file: PathBuf,
    /// Whose it is.
    pub replica: u16,
    /// What each value of a row is.
    pub columns: Vec<Column>,
    bytes: Vec<u8>,
    blocks_at: usize,
}

/// A segment that cannot be used as a whole.
#[derive(Debug)]
pub enum SegmentError {
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// It is larger than any that a replica writes; bytes.
    TooLarge(u64),
    /// A crash left it without a whole header: nothing was recorded in it.
    Torn,
    /// It is of another version of the format.
    Version(u16),
    /// It is no segment, or its header is damaged.
    Header,
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::TooLarge(bytes) => write!(f, "{bytes} bytes, expected at most {FILE_BYTES_MAX}"),
            Self::Torn => write!(f, "ends within its header: nothing was recorded in it"),
            Self::Version(version) => write!(f, "version {version}, expected {VERSION}"),
            Self::Header => write!(f, "no segment, or its header is damaged"),
        }
    }
}

impl std::error::Error for SegmentError {}

/// What stands at a place of a segment.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Rows.
    Block(Block),
    /// Bytes that are no block whose CRC holds, with blocks or nothing behind them.
    Damaged {
        /// Where they begin in the file.
        at: usize,
        /// How many.
        bytes: usize,
    },
    /// The last block is not whole: a crash, or the replica is writing it.
    Torn {
        /// Where it begins in the file.
        at: usize,
        /// How much of it there is.
        bytes: usize,
    },
}

/// The header of a segment.
pub fn header(replica: u16, columns: &[Column]) -> Vec<u8> {
    let mut named = Vec::new();
    for column in columns {
        column::put(&mut named, column);
    }
    let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(replica.to_le_bytes());
    bytes.extend(size(named.len()));
    bytes.extend(size(columns.len()));
    bytes.extend(named);
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes
}

impl Segment {
    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self, SegmentError> {
        let opened = File::open(file).map_err(SegmentError::Unreadable)?;
        let length = opened.metadata().map_err(SegmentError::Unreadable)?.len();
        if length > FILE_BYTES_MAX {
            return Err(SegmentError::TooLarge(length));
        }
        let mut bytes = Vec::new();
        // It may grow while it is read.
        opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(SegmentError::Unreadable)?;
        Self::parse(file, bytes)
    }

    /// Checks the header of a segment in memory; `file` is what it is called.
    pub fn parse(file: &Path, bytes: Vec<u8>) -> Result<Self, SegmentError> {
        let known = MAGIC.len().min(bytes.len());
        if bytes[..known] != MAGIC[..known] {
            return Err(SegmentError::Header);
        }
        let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return Err(SegmentError::Torn) };
        let version = u16::from_le_bytes([head[8], head[9]]);
        if version != VERSION {
            return Err(SegmentError::Version(version));
        }
        let size = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (named_bytes, count) = (size(12), size(16));
        if named_bytes > COLUMNS_BYTES_MAX || count > COLUMNS_MAX {
            return Err(SegmentError::Header);
        }
        let crc_at = HEAD_BYTES + named_bytes;
        let Some(told) = bytes.get(crc_at..).and_then(<[u8]>::first_chunk::<4>) else { return Err(SegmentError::Torn) };
        if crc32c(&bytes[..crc_at]) != u32::from_le_bytes(*told) {
            return Err(SegmentError::Header);
        }
        let columns = columns(&bytes[HEAD_BYTES..crc_at], count).ok_or(SegmentError::Header)?;
        let replica = u16::from_le_bytes([head[10], head[11]]);
        Ok(Self { file: file.into(), replica, columns, bytes, blocks_at: crc_at + 4 })
    }

    /// Everything behind the header, in its order.
    pub fn found(&self) -> impl Iterator<Item = Found> {
        let mut at = self.blocks_at;
        std::iter::from_fn(move || {
            if at >= self.bytes.len() {
                return None;
            }
            let (found, next) = self.found_at(at);
            at = next;
            Some(found)
        })
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What begins here, and where the next thing does.
    fn found_at(&self, at: usize) -> (Found, usize) {
        let cut = match block::decode(&self.columns, &self.bytes[at..]) {
            Front::Block(block, bytes) => return (Found::Block(block), at + bytes),
            Front::Cut => true,
            Front::Nothing => false,
        };
        // A length that was damaged seems to cut the block, too: torn is only what no block follows.
        let next = self.next_block(at + 1);
        let (end, bytes) = (next.unwrap_or(self.bytes.len()), next.unwrap_or(self.bytes.len()) - at);
        let found = if cut && next.is_none() { Found::Torn { at, bytes } } else { Found::Damaged { at, bytes } };
        (found, end)
    }

    fn next_block(&self, from: usize) -> Option<usize> {
        let marks = self.bytes.get(from..)?.windows(MARK.len()).enumerate().filter(|(_, bytes)| *bytes == MARK);
        let mut places = marks.map(|(nth, _)| from + nth);
        places.find(|&place| matches!(block::decode(&self.columns, &self.bytes[place..]), Front::Block(..)))
    }
}

fn columns(mut named: &[u8], count: usize) -> Option<Vec<Column>> {
    let columns: Option<Vec<Column>> = (0..count).map(|_| column::take(&mut named)).collect();
    columns.filter(|_| named.is_empty())
}
