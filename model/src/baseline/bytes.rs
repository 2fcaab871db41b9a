//! Little-endian fields of a snapshot. A reader that runs out answers `None`, and so does a number that is none.

/// The rest of a snapshot.
pub struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A finite number that is not negative; everything that is learned is one.
    pub fn f32(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes).filter(|value| value.is_finite() && *value >= 0.0)
    }

    pub fn u16s<const N: usize>(&mut self) -> Option<[u16; N]> {
        let mut out = [0; N];
        for value in &mut out {
            *value = self.u16()?;
        }
        Some(out)
    }
}

pub fn put_u16s(values: &[u16], out: &mut Vec<u8>) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}
