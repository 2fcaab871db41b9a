//! Protocol buffers, as far as remote-write needs them: the fields of a message, one after the other, where they lie.

use super::WireError;

/// Continuation bit of a varint's byte.
const MORE: u8 = 0x80;
/// The highest number of a field.
const NUMBER_MAX: u64 = (1 << 29) - 1;

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Integers and enums.
    Varint(u64),
    /// Doubles.
    Fixed64(u64),
    /// Texts, messages, packed lists.
    Bytes(&'a [u8]),
    /// Nothing that remote-write has; passed over.
    Fixed32,
}

/// The fields of a message that are still to be read.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Value<'a> {
    pub fn bytes(self) -> Result<&'a [u8], WireError> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(WireError::WireType) }
    }

    pub fn text(self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::Text)
    }

    pub fn double(self) -> Result<f64, WireError> {
        if let Self::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(WireError::WireType) }
    }

    /// A signed integer, which travels as its two's complement.
    pub fn int64(self) -> Result<i64, WireError> {
        if let Self::Varint(bits) = self { Ok(bits.cast_signed()) } else { Err(WireError::WireType) }
    }
}

impl<'a> Fields<'a> {
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field and its number; none at the end.
    pub fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > NUMBER_MAX {
            return Err(WireError::Field);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Value::Bytes(self.delimited()?),
            5 => {
                self.array::<4>()?;
                Value::Fixed32
            }
            // Groups (3, 4) have been deprecated since before remote-write began: no sender has any.
            _ => return Err(WireError::WireType),
        };
        Ok(Some((number, value)))
    }

    /// The next number of a packed list; none at the end.
    pub fn packed(&mut self) -> Result<Option<u64>, WireError> {
        if self.rest.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for (nth, &byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte has room for one bit.
            if nth == 9 && byte > 1 {
                return Err(WireError::Varint);
            }
            value |= u64::from(byte & !MORE) << (7 * nth);
            if byte & MORE == 0 {
                self.rest = &self.rest[nth + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { WireError::Truncated } else { WireError::Varint })
    }

    fn delimited(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<Option<(u64, Value<'_>)>, WireError>) {
        assert_eq!(Fields::new(bytes).next(), expected, "{bytes:02x?}");
    }

    #[test]
    fn fields_are_read_and_broken_ones_refused() {
        check(&[], Ok(None));
        check(&[0x08, 0x96, 0x01], Ok(Some((1, Value::Varint(150)))));
        check(&[0x12, 2, b'h', b'i'], Ok(Some((2, Value::Bytes(b"hi")))));
        check(&[0x12, 3, b'h', b'i'], Err(WireError::Truncated));
        check(&[0x09, 0, 0, 0], Err(WireError::Truncated));
        check(&[0x00, 1], Err(WireError::Field));
        check(&[0x0b], Err(WireError::WireType));
        check(&[0x08, 0x80], Err(WireError::Truncated));
        check(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], Ok(Some((1, Value::Varint(u64::MAX)))));
        check(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], Err(WireError::Varint));
        check(&[0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], Err(WireError::Truncated));
    }
}
