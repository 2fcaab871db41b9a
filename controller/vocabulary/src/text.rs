//! Short texts without an allocator.

use core::fmt::{self, Write};

/// Longer than any quantity with its symbol.
const BYTES_MAX: usize = 40;

/// A text of at most [`BYTES_MAX`] bytes.
struct Text {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let end = self.length + more.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(more.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Writes a short text with the width and alignment that `f` asks for.
pub(crate) fn pad(f: &mut fmt::Formatter<'_>, short: fmt::Arguments<'_>) -> fmt::Result {
    let mut text = Text { bytes: [0; BYTES_MAX], length: 0 };
    text.write_fmt(short)?;
    let bytes = text.bytes.get(..text.length).unwrap_or_default();
    f.pad(core::str::from_utf8(bytes).map_err(|_| fmt::Error)?)
}
