//! Reading and writing little-endian fields one after the other.

use ridethrough_vocabulary::units::Millis;

use crate::datagram::Datagram;
use crate::refusal::Malformed;

/// Takes fields off the front of a frame.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Length)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.take().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.take().map(i64::from_le_bytes)
    }

    /// A reading of a clock or a span; clocks begin at zero, so nothing is below it.
    pub(crate) fn millis(&mut self) -> Result<Millis, Malformed> {
        match self.i64()? {
            negative if negative < 0 => Err(Malformed::Field),
            value => Ok(Millis::new(value)),
        }
    }

    /// Bytes that mean nothing in this version and must be zero, so that a value has exactly one encoding.
    pub(crate) fn reserved<const N: usize>(&mut self) -> Result<(), Malformed> {
        if self.take::<N>()? == [0; N] { Ok(()) } else { Err(Malformed::Reserved) }
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Length) }
    }
}

/// Appends fields to a datagram.
pub(crate) struct Writer<'a>(&'a mut Datagram);

impl<'a> Writer<'a> {
    pub(crate) const fn new(out: &'a mut Datagram) -> Self {
        Self(out)
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(&[value]);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.0.push(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.push(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.push(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.0.push(&value.to_le_bytes());
    }

    pub(crate) fn millis(&mut self, value: Millis) {
        self.i64(value.or_zero().get());
    }

    pub(crate) fn reserved<const N: usize>(&mut self) {
        self.0.push(&[0; N]);
    }
}
