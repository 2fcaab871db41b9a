//! How numbers become registers: the high word first, and a value of its own for what nobody knows.

/// How a number is written. Numbers that do not fit are written as the nearest that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One register, not negative; 65,535 where nobody knows it.
    U16,
    /// Two registers, not negative; all ones where nobody knows it.
    U32,
    /// Two registers, two's complement; the most negative number where nobody knows it.
    I32,
    /// Four registers, not negative.
    U64,
}

impl Kind {
    /// How many registers.
    pub const fn words(self) -> usize {
        match self {
            Self::U16 => 1,
            Self::U32 | Self::I32 => 2,
            Self::U64 => 4,
        }
    }

    const fn range(self) -> (i64, i64) {
        match self {
            Self::U16 => (0, 0xfffe),
            Self::U32 => (0, 0xffff_fffe),
            Self::I32 => (-0x7fff_ffff, 0x7fff_ffff),
            Self::U64 => (0, i64::MAX),
        }
    }

    /// Its low bits are what is written.
    const fn unknown(self) -> i64 {
        match self {
            Self::I32 => -0x8000_0000,
            Self::U16 | Self::U32 | Self::U64 => -1,
        }
    }

    /// The registers of a number.
    pub fn write(self, value: Option<i64>) -> impl Iterator<Item = u16> {
        let (least, most) = self.range();
        let bytes = value.map_or(self.unknown(), |value| value.clamp(least, most)).to_be_bytes();
        let words: [u16; 4] = std::array::from_fn(|nth| u16::from_be_bytes([bytes[2 * nth], bytes[2 * nth + 1]]));
        words.into_iter().skip(4 - self.words())
    }
}

/// One number of a block.
#[derive(Debug)]
pub struct Field<V> {
    /// Where in the block it begins, in registers.
    pub at: u16,
    /// How it is written.
    pub kind: Kind,
    /// What it is called.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the page, which a test compares"))]
    pub name: &'static str,
    /// What it means, with its unit.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the page, which a test compares"))]
    pub what: &'static str,
    /// The number itself; none when nobody knows it.
    pub tell: fn(&V) -> Option<i64>,
}

/// Fields that stand together. Registers between them are 0.
#[derive(Debug)]
pub struct Block<V: 'static> {
    /// How many registers it takes: for one of many, from one to the next.
    pub size: u16,
    /// Its fields, by place.
    pub fields: &'static [Field<V>],
}

impl<V> Block<V> {
    /// All its registers.
    pub fn write(&self, value: &V) -> Vec<u16> {
        let mut registers = vec![0; usize::from(self.size)];
        for field in self.fields {
            let places = registers.iter_mut().skip(usize::from(field.at));
            places.zip(field.kind.write((field.tell)(value))).for_each(|(place, word)| *place = word);
        }
        registers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_high_word_first_and_what_does_not_fit_as_the_nearest() {
        let check = |kind: Kind, value: Option<i64>, expected: &[u16]| {
            assert_eq!(kind.write(value).collect::<Vec<_>>(), expected, "{kind:?} {value:?}");
        };
        check(Kind::U16, Some(0x1234), &[0x1234]);
        check(Kind::U16, Some(-1), &[0]);
        check(Kind::U16, Some(65_535), &[0xfffe]);
        check(Kind::U16, None, &[0xffff]);
        check(Kind::U32, Some(0x1234_5678), &[0x1234, 0x5678]);
        check(Kind::U32, Some(i64::MAX), &[0xffff, 0xfffe]);
        check(Kind::U32, None, &[0xffff, 0xffff]);
        check(Kind::I32, Some(-2), &[0xffff, 0xfffe]);
        check(Kind::I32, Some(i64::MIN), &[0x8000, 0x0001]);
        check(Kind::I32, Some(i64::MAX), &[0x7fff, 0xffff]);
        check(Kind::I32, None, &[0x8000, 0]);
        check(Kind::U64, Some(0x1_0000_0002), &[0, 1, 0, 2]);
    }

    #[test]
    fn what_is_between_fields_is_nothing() {
        const BLOCK: Block<i64> = Block {
            size: 5,
            fields: &[
                Field { at: 1, kind: Kind::U16, name: "a", what: "", tell: |value| Some(*value) },
                Field { at: 3, kind: Kind::U32, name: "b", what: "", tell: |_| None },
            ],
        };
        assert_eq!(BLOCK.write(&7), [0, 7, 0, 0xffff, 0xffff]);
    }
}
