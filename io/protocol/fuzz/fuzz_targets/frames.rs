//! The splitter, the header and the body: nothing panics, what is split is whole and in order, and what can be read is
//! written back as the same bytes.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ridethrough_protocol::header::{MAC_BYTES, MAGIC};
use ridethrough_protocol::{Header, Kind, Version, frames, rewritten};

const NEWEST: u8 = Version::NEWEST.to_wire();

/// What comes out of a socket.
#[derive(Arbitrary, Debug)]
enum Input {
    /// Anything at all.
    Raw(Vec<u8>),
    /// Anything behind what every frame begins with.
    Headed(Vec<u8>),
    /// Things that are nearly frames.
    Pieces(Pieces),
}

/// A datagram made of things that are nearly frames.
#[derive(Arbitrary, Debug)]
struct Pieces {
    pieces: Vec<Piece>,
    tail: Vec<u8>,
}

/// Something that is nearly a frame.
#[derive(Arbitrary, Debug)]
struct Piece {
    version: u8,
    kind: u8,
    replica: u16,
    device: u32,
    epoch: u32,
    nonces: [u64; 2],
    sequences: [u64; 2],
    /// Places of the body that are not zero.
    set: Vec<(u8, u8)>,
}

fuzz_target!(|input: Input| {
    match input {
        Input::Raw(bytes) => check(&bytes),
        Input::Headed(bytes) => check(&[&MAGIC.to_le_bytes()[..], &[NEWEST], &bytes].concat()),
        Input::Pieces(pieces) => check(&pieces.datagram()),
    }
});

fn check(datagram: &[u8]) {
    let mut at = 0;
    let mut ended = false;
    for frame in frames(datagram) {
        assert!(!ended, "something follows what cannot be split");
        let Ok(frame) = frame else {
            ended = true;
            continue;
        };
        assert!(datagram[at..].starts_with(frame), "out of order");
        at += frame.len();
        let header = Header::parse(frame);
        if let Ok(again) = rewritten(frame) {
            let header = header.expect("a body was read behind a header");
            assert!(Kind::ALL.contains(&header.kind) && header.kind.frame_bytes() == frame.len());
            assert!(again.as_bytes() == &frame[..frame.len() - MAC_BYTES], "one value, two encodings");
        }
    }
    assert!(ended || at == datagram.len(), "bytes are left over");
}

impl Pieces {
    fn datagram(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.pieces.iter().take(8).flat_map(Piece::bytes).collect();
        bytes.extend_from_slice(&self.tail);
        bytes
    }
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        // Mostly a kind that there is.
        let kind = if self.kind < 250 { self.kind % 6 + 1 } else { self.kind };
        let version = if self.version < 250 { NEWEST - self.version % 2 } else { self.version };
        bytes.extend_from_slice(&[version, kind]);
        bytes.extend_from_slice(&self.replica.to_le_bytes());
        bytes.extend_from_slice(&(self.device & 0x0007_ffff).to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        for number in self.nonces.iter().chain(&self.sequences) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let head = bytes.len();
        bytes.resize([80, 128, 216, 128, 128, 208][usize::from(kind.wrapping_sub(1)) % 6], 0);
        for (place, value) in &self.set {
            let place = head + usize::from(*place);
            if let Some(byte) = bytes.get_mut(place) {
                *byte = *value;
            }
        }
        bytes
    }
}
