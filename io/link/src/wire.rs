//! What version 3 of the protocol will say itself.

use ridethrough_protocol::Malformed;

/// One of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lan {
    A,
    B,
}

impl Lan {
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    pub const fn index(self) -> usize {
        self as usize
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

pub fn frames(datagram: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    std::iter::once(Ok(datagram))
}

pub const DATAGRAM_BYTES_MAX: usize = 1_472;
pub const COALESCES: bool = false;
