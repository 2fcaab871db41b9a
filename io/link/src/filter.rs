//! A program for the kernel that lets only DPCN of this version into the receive buffer, so that a flood of anything
//! else takes no room there and does not wake the link.

use ridethrough_protocol::header::{MAGIC, VERSION};
use socket2::SockFilter;

/// Classic BPF: load a word, load a byte, jump if equal, return a constant.
const LOAD_WORD: u16 = 0x20;
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// The program sees a datagram from its UDP header on.
const PAYLOAD: u32 = 8;

/// Loads beyond the end of a datagram drop it.
pub(crate) fn program() -> [SockFilter; 6] {
    // The program compares numbers in network order.
    let magic = u32::from_be_bytes(MAGIC.to_le_bytes());
    [
        SockFilter::new(LOAD_WORD, 0, 0, PAYLOAD),
        SockFilter::new(JUMP_EQUAL, 0, 3, magic),
        SockFilter::new(LOAD_BYTE, 0, 0, PAYLOAD + 4),
        SockFilter::new(JUMP_EQUAL, 0, 1, VERSION.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
