//! A program for the kernel that lets only DPCN of the versions that are spoken into the receive buffer, so that a flood of anything
//! else takes no room there and does not wake the link.

use ridethrough_protocol::Version;
use ridethrough_protocol::header::MAGIC;
use socket2::SockFilter;

/// Classic BPF: load a word, load a byte, jump if equal, return a constant.
const LOAD_WORD: u16 = 0x20;
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// The program sees a datagram from its UDP header on.
const PAYLOAD: u32 = 8;

/// Loads beyond the end of a datagram drop it.
pub(crate) fn program() -> [SockFilter; 7] {
    let [older, newer] = Version::ALL.map(|version| version.to_wire().into());
    // The program compares numbers in network order.
    let magic = u32::from_be_bytes(MAGIC.to_le_bytes());
    [
        SockFilter::new(LOAD_WORD, 0, 0, PAYLOAD),
        SockFilter::new(JUMP_EQUAL, 0, 4, magic),
        SockFilter::new(LOAD_BYTE, 0, 0, PAYLOAD + 4),
        SockFilter::new(JUMP_EQUAL, 1, 0, newer),
        SockFilter::new(JUMP_EQUAL, 0, 1, older),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use socket2::Socket;

    use super::*;

    #[test]
    fn only_what_begins_like_a_frame_of_a_version_that_is_spoken_comes_through() {
        let socket = Socket::from(UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        socket.attach_filter(&program()).expect("the kernel takes it");
        let receiver = UdpSocket::from(socket);
        receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let head = |version: u8| [&MAGIC.to_le_bytes()[..], &[version]].concat();
        let spoken = Version::ALL.map(|version| head(version.to_wire()));
        let (before, to_come) = (head(2), head(5));
        for sent in [&b""[..], b"D", b"NPCD\x03", &spoken[0][..4], &before, &to_come, &[0; 200], &spoken[0], &spoken[1]]
        {
            sender.send_to(sent, receiver.local_addr().expect("bound")).expect("loopback");
        }
        let mut buffer = [0; 300];
        for spoken in spoken {
            let length = receiver.recv(&mut buffer).expect("the last two come through");
            assert_eq!(buffer[..length], spoken);
        }
    }
}
