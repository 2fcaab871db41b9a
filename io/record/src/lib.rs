//! What a replica heard, kept on disk once a second, so that a site can retrain the forecast on its own history.
//!
//! [`Recorder`] takes rows from whoever may not wait and writes them on a thread of its own; [`Segment`] reads them back,
//! with no replica running. A folder holds one segment for each hour and start:
//!
//! ```text
//! header   magic, version, replica, columns (part, signal, source, name), CRC
//! block    mark, sizes, CRC, then up to ten rows column by column: which are heard, differences as varints, snappy
//! block    …
//! ```
//!
//! A block counts only when its CRC holds. What a crash cut off at the end is told as torn, anything else as damaged; the
//! blocks after it are found by their mark. Nothing that was written is ever written again.

mod block;
mod column;
mod files;
mod recorder;
mod segment;
mod varint;

pub use block::{Block, ROWS_MAX, Row};
pub use column::{COLUMNS_MAX, Column, Part, Signal, Source};
pub use files::segments;
pub use recorder::{Recorder, Settings};
pub use segment::{Found, Segment, SegmentError};
