//! Whole numbers in as few bytes as they need: seven bits each, smallest first; signs in the lowest bit.

/// Longest form of 64 bits.
const BYTES_MAX: usize = 10;

/// Appends a number.
pub fn put(bytes: &mut Vec<u8>, value: i64) {
    let mut left = (value << 1 ^ value >> 63).cast_unsigned();
    while left >= 0x80 {
        bytes.push(u8::try_from(left & 0x7f).unwrap_or_default() | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left).unwrap_or_default());
}

/// Takes a number off the front; none when there is no whole one of 64 bits.
pub fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for nth in 0..BYTES_MAX {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let seven = u64::from(byte & 0x7f);
        if nth == BYTES_MAX - 1 && seven > 1 {
            return None;
        }
        value |= seven << (7 * nth);
        if byte < 0x80 {
            return Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_comes_back() {
        for value in
            (0..64).flat_map(|bit| [1_i64 << bit, (1_i64 << bit).wrapping_neg(), (1_i64 << bit).wrapping_sub(1)])
        {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            let mut left = bytes.as_slice();
            assert_eq!((take(&mut left), left.len()), (Some(value), 0));
            assert_eq!(take(&mut &bytes[..bytes.len() - 1]), None, "cut short");
        }
        assert_eq!(take(&mut [0xff; 11].as_slice()), None, "too long");
    }
}
