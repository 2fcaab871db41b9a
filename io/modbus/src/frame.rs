//! A frame of Modbus TCP: its header, and what a request to read asks for.

use crate::exception::Exception;

/// Bytes before the function code: transaction, protocol, length, unit.
pub const HEADER_BYTES: usize = 7;
/// What a length may be: the unit and 1 to 253 bytes of a request.
const LENGTHS: std::ops::RangeInclusive<u16> = 2..=254;
/// Set in the function code of an answer that refuses.
const REFUSED: u8 = 0x80;
/// Most registers of one answer.
pub const REGISTERS_MAX: u16 = 125;

/// What comes before a request, and goes before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    transaction: [u8; 2],
    length: u16,
    unit: u8,
}

impl Header {
    /// None when these bytes begin no frame of Modbus TCP: then nobody knows where the next one begins.
    pub fn parse(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let [t0, t1, protocol @ .., l0, l1, unit] = bytes;
        let length = u16::from_be_bytes([l0, l1]);
        let is_ours = protocol == [0, 0] && LENGTHS.contains(&length);
        is_ours.then_some(Self { transaction: [t0, t1], length, unit })
    }

    /// Bytes of the request that follows.
    pub fn request_bytes(self) -> usize {
        usize::from(self.length.saturating_sub(1))
    }

    /// An answer as a frame. Whatever unit was asked is told back: there is one.
    pub fn wrap(self, answer: &[u8]) -> Vec<u8> {
        let length = u16::try_from(answer.len() + 1).unwrap_or(u16::MAX);
        let ([t0, t1], [l0, l1]) = (self.transaction, length.to_be_bytes());
        [&[t0, t1, 0, 0, l0, l1, self.unit][..], answer].concat()
    }
}

/// A request to read registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The first one, counted from 0.
    pub start: u16,
    /// How many.
    pub count: u16,
}

impl Read {
    /// Reads what follows a header. Holding registers (function 3) and input registers (4) are the same here.
    pub fn parse(request: &[u8]) -> Result<Self, Exception> {
        let Some((3 | 4, asked)) = request.split_first() else { return Err(Exception::IllegalFunction) };
        let &[s0, s1, c0, c1] = asked else { return Err(Exception::IllegalValue) };
        let (start, count) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([c0, c1]));
        if (1..=REGISTERS_MAX).contains(&count) { Ok(Self { start, count }) } else { Err(Exception::IllegalValue) }
    }
}

/// What a request is answered with, to be wrapped.
pub fn answer(request: &[u8], outcome: &Result<Vec<u16>, Exception>) -> Vec<u8> {
    let function = request.first().copied().unwrap_or_default();
    match outcome {
        Ok(registers) => {
            let bytes = u8::try_from(2 * registers.len()).unwrap_or(u8::MAX);
            [function, bytes].into_iter().chain(registers.iter().flat_map(|word| word.to_be_bytes())).collect()
        }
        Err(exception) => vec![function | REFUSED, exception.code()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_told_back_with_the_length_of_the_answer() {
        let header = Header::parse([0x12, 0x34, 0, 0, 0, 6, 0xff]).expect("good");
        assert_eq!(header.request_bytes(), 5);
        assert_eq!(header.wrap(&[0x83, 2]), [0x12, 0x34, 0, 0, 0, 3, 0xff, 0x83, 2]);
    }

    #[test]
    fn what_begins_no_frame_is_known() {
        for wrong in [*b"GET / H", [0; 7], [0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 255, 1], [0, 0, 0, 1, 0, 6, 1]] {
            assert_eq!(Header::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn requests_to_read_are_read_and_all_others_are_refused_by_what_is_wrong() {
        for function in [3, 4] {
            assert_eq!(Read::parse(&[function, 1, 2, 0, 125]), Ok(Read { start: 0x102, count: 125 }));
            for wrong in [&[][..], &[0], &[0, 0, 0], &[0, 0, 0, 0], &[0, 0, 0, 126], &[0, 0, 1, 1], &[0, 0, 0, 1, 0]] {
                let request = [&[function][..], wrong].concat();
                assert_eq!(Read::parse(&request), Err(Exception::IllegalValue), "{request:?}");
            }
        }
        // Coils, writes, files, identification, answers that came here as requests.
        for function in (0..=255).filter(|function| ![3, 4].contains(function)) {
            assert_eq!(Read::parse(&[function, 0, 0, 0, 1]), Err(Exception::IllegalFunction), "{function}");
        }
        assert_eq!(Read::parse(&[]), Err(Exception::IllegalFunction));
    }

    #[test]
    fn answers_have_the_function_that_was_asked() {
        assert_eq!(answer(&[4, 0, 0, 0, 2], &Ok(vec![0x102, 0xfffe])), [4, 4, 1, 2, 0xff, 0xfe]);
        assert_eq!(answer(&[6, 0, 0, 0, 2], &Err(Exception::IllegalFunction)), [0x86, 1]);
        assert_eq!(answer(&[0x90], &Err(Exception::IllegalFunction)), [0x90, 1]);
    }
}
