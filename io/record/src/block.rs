//! A block: up to ten rows, column by column, behind sizes and a CRC of both.

use crc32c::{crc32c, crc32c_append};

use crate::column::{COLUMNS_MAX, Column};
use crate::varint;

/// Rows of a block. A crash loses what was not yet a block: ten seconds at the most.
pub const ROWS_MAX: usize = 10;
/// What every block begins with; found again after damage.
pub const MARK: [u8; 4] = *b"RTbk";
/// Mark, packed and plain length, rows, CRC.
pub const HEAD_BYTES: usize = 4 + 4 + 4 + 2 + 4;
/// No block is longer when unpacked: times, which are heard, and the longest numbers.
const PLAIN_BYTES_MAX: usize = 10 * ROWS_MAX + COLUMNS_MAX * (2 + 10 * ROWS_MAX);

/// What was heard at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Unix time by the replica's clock, milliseconds.
    pub unix_ms: i64,
    /// One for each column, in its unit; none where nothing was heard.
    pub values: Vec<Option<f64>>,
}

/// The rows of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Oldest first, unless the clock was set back.
    pub rows: Vec<Row>,
}

/// Writes rows as a block; at most [`ROWS_MAX`] of them, each as wide as there are columns.
pub fn encode(columns: &[Column], rows: &[Row]) -> Result<Vec<u8>, snap::Error> {
    assert!(
        rows.len() <= ROWS_MAX && rows.iter().all(|row| row.values.len() == columns.len()),
        "rows of these columns"
    );
    let plain = plain(columns, rows);
    let packed = snap::raw::Encoder::new().compress_vec(&plain)?;
    let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::with_capacity(HEAD_BYTES + packed.len());
    bytes.extend(MARK);
    bytes.extend(size(packed.len()));
    bytes.extend(size(plain.len()));
    bytes.extend(u16::try_from(rows.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend(crc32c_append(crc32c(&bytes), &packed).to_le_bytes());
    bytes.extend(packed);
    Ok(bytes)
}

fn plain(columns: &[Column], rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut last_ms = 0;
    for row in rows {
        varint::put(&mut bytes, row.unix_ms.wrapping_sub(last_ms));
        last_ms = row.unix_ms;
    }
    for (nth, column) in columns.iter().enumerate() {
        let stored: Vec<Option<i64>> =
            rows.iter().map(|row| row.values[nth].and_then(|value| column.source.stored(value))).collect();
        let heard = stored.iter().rev().fold(0_u16, |bits, value| bits << 1 | u16::from(value.is_some()));
        bytes.extend(heard.to_le_bytes());
        let mut last = 0;
        for value in stored.into_iter().flatten() {
            varint::put(&mut bytes, value.wrapping_sub(last));
            last = value;
        }
    }
    bytes
}

/// What stands at the front of some bytes.
pub enum Front {
    /// A block that holds, and how many bytes it took.
    Block(Block, usize),
    /// The beginning of one, whose end is missing.
    Cut,
    /// No block.
    Nothing,
}

/// Reads the block at the front.
pub fn decode(columns: &[Column], bytes: &[u8]) -> Front {
    if bytes.len() < HEAD_BYTES {
        let whole = MARK.len().min(bytes.len());
        return if bytes[..whole] == MARK[..whole] { Front::Cut } else { Front::Nothing };
    }
    let (head, rest) = bytes.split_at(HEAD_BYTES);
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let size = |at: usize| usize::try_from(word(at)).unwrap_or(usize::MAX);
    let (packed_bytes, plain_bytes) = (size(4), size(8));
    let rows = usize::from(u16::from_le_bytes([head[12], head[13]]));
    if head[..4] != MARK || packed_bytes > PLAIN_BYTES_MAX || plain_bytes > PLAIN_BYTES_MAX || rows > ROWS_MAX {
        return Front::Nothing;
    }
    let Some(packed) = rest.get(..packed_bytes) else { return Front::Cut };
    if crc32c_append(crc32c(&head[..14]), packed) != word(14) {
        return Front::Nothing;
    }
    let block = unpack(packed, plain_bytes).and_then(|plain| rows_of(columns, &plain, rows));
    block.map_or(Front::Nothing, |block| Front::Block(block, HEAD_BYTES + packed_bytes))
}

fn unpack(packed: &[u8], plain_bytes: usize) -> Option<Vec<u8>> {
    // Told before there is room made for it.
    let told = snap::raw::decompress_len(packed).ok()?;
    if told == plain_bytes { snap::raw::Decoder::new().decompress_vec(packed).ok() } else { None }
}

fn rows_of(columns: &[Column], mut plain: &[u8], rows: usize) -> Option<Block> {
    let mut last_ms = 0_i64;
    let mut block = Vec::with_capacity(rows);
    for _ in 0..rows {
        last_ms = last_ms.wrapping_add(varint::take(&mut plain)?);
        block.push(Row { unix_ms: last_ms, values: vec![None; columns.len()] });
    }
    for (nth, column) in columns.iter().enumerate() {
        let (heard, rest) = plain.split_first_chunk::<2>()?;
        plain = rest;
        let heard = u16::from_le_bytes(*heard);
        let mut last = 0_i64;
        for (place, row) in block.iter_mut().enumerate().filter(|(place, _)| heard >> place & 1 == 1) {
            debug_assert!(place < ROWS_MAX);
            last = last.wrapping_add(varint::take(&mut plain)?);
            row.values[nth] = Some(column.source.value(last)?);
        }
    }
    plain.is_empty().then_some(Block { rows: block })
}
